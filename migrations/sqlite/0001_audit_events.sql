-- The audit trail: events in chains, one chain per run of one process. Append only; nothing here is ever changed but the
-- heads. `canonical` is what happened and what is hashed; the columns before it repeat parts of it, for searching.

CREATE TABLE audit_writers (
    writer     TEXT   NOT NULL PRIMARY KEY,
    started_at TEXT   NOT NULL,
    -- The last event of the chain and its hash; changed in the transaction that appends.
    sequence   INTEGER NOT NULL,
    hash       TEXT   NOT NULL,
    -- Up to where a later writer has put this chain's head on record.
    witnessed  INTEGER NOT NULL
);

CREATE TABLE audit_events (
    writer    TEXT   NOT NULL,
    sequence  INTEGER NOT NULL,
    at        TEXT   NOT NULL, -- UTC, RFC 3339 with microseconds: sorts as text
    event     TEXT   NOT NULL,
    reference TEXT   NOT NULL,
    provider  TEXT,
    subject   TEXT,
    email     TEXT,
    account   TEXT,
    canonical TEXT   NOT NULL,
    hash      TEXT   NOT NULL,
    PRIMARY KEY (writer, sequence)
);

CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_reference ON audit_events (reference);
CREATE INDEX audit_events_subject ON audit_events (provider, subject, at);
