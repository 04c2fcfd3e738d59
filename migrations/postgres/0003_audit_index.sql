-- For searching: one row an event, written after it by whoever has time. It proves nothing. When this table and audit_indexed have
-- been emptied, both are filled again from the events. Events that end an issue carry the person and the role of the intent of the same reference.
CREATE TABLE audit_index (
    at             TEXT   NOT NULL, -- as in audit_events
    writer         TEXT   NOT NULL,
    sequence       BIGINT NOT NULL,
    event          TEXT   NOT NULL,
    outcome        TEXT,
    reference      TEXT   NOT NULL,
    provider       TEXT,
    subject        TEXT,
    email          TEXT,
    account        TEXT,
    permission_set TEXT,
    address        TEXT,
    session        TEXT,
    allowed_in     TEXT,
    PRIMARY KEY (at, writer, sequence)
);

CREATE INDEX audit_index_person ON audit_index (provider, subject, at, writer, sequence) WHERE subject IS NOT NULL;
CREATE INDEX audit_index_provider ON audit_index (provider, at, writer, sequence) WHERE provider IS NOT NULL;
CREATE INDEX audit_index_email ON audit_index (email, at, writer, sequence) WHERE email IS NOT NULL;
CREATE INDEX audit_index_account ON audit_index (account, at, writer, sequence) WHERE account IS NOT NULL;
CREATE INDEX audit_index_permission_set ON audit_index (permission_set, at, writer, sequence) WHERE permission_set IS NOT NULL;
CREATE INDEX audit_index_outcome ON audit_index (outcome, at, writer, sequence) WHERE outcome IS NOT NULL;
CREATE INDEX audit_index_address ON audit_index (address, at, writer, sequence) WHERE address IS NOT NULL;
CREATE INDEX audit_index_session ON audit_index (session, at, writer, sequence) WHERE session IS NOT NULL;
CREATE INDEX audit_index_allowed_in ON audit_index (allowed_in, at, writer, sequence) WHERE allowed_in IS NOT NULL;
CREATE INDEX audit_index_reference ON audit_index (reference, event);

-- Up to which event each chain is in the index.
CREATE TABLE audit_indexed (
    writer   TEXT   NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL
);
