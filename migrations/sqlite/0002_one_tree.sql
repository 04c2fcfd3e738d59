-- The events in one tree, in the order in which they were appended. SQLite balances an index that grows at its end page by
-- page: two of them made each commit write nearly twice as many pages. That no event has another's place in its chain does not
-- depend on one either: whoever appends moves the chain's head from where it found it, in the same transaction.

CREATE TABLE audit_events_in_order (
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
    hash      TEXT   NOT NULL
);

INSERT INTO audit_events_in_order SELECT * FROM audit_events ORDER BY rowid;
DROP TABLE audit_events;
ALTER TABLE audit_events_in_order RENAME TO audit_events;
