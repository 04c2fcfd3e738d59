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

-- Only what grows at its end. An index over references or people would make every event write pages of its own all over
-- the file, four times as many; a search for them reads the table, which one machine's trail bears.
CREATE INDEX audit_events_at ON audit_events (at);
