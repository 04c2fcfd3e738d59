-- People as of their last sign-in. Deleted after `[audit] people`.
CREATE TABLE people (
    provider     TEXT NOT NULL,
    subject      TEXT NOT NULL,
    email        TEXT,
    signed_in_at TEXT NOT NULL, -- UTC, RFC 3339 with microseconds: sorts as text
    record       TEXT NOT NULL, -- JSON
    PRIMARY KEY (provider, subject)
);

CREATE INDEX people_signed_in_at ON people (signed_in_at);

-- Access policies that were in use, by the digest of their files.
CREATE TABLE policies (
    digest      TEXT    NOT NULL PRIMARY KEY,
    accepted_at TEXT    NOT NULL, -- when it was last accepted
    bytes       INTEGER NOT NULL, -- size of its files
    files       BLOB    NOT NULL  -- JSON, compressed (zlib)
);
