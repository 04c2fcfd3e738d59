-- People as of their last sign-in. Deleted after `[audit] people`.
CREATE TABLE people (
    provider     TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,
    email        TEXT,
    signed_in_at TEXT COLLATE "C" NOT NULL, -- UTC, RFC 3339 with microseconds: sorts as text
    record       TEXT NOT NULL,             -- JSON
    PRIMARY KEY (provider, subject)
);

CREATE INDEX people_signed_in_at ON people (signed_in_at);

-- Access policies that were in use, by the digest of their files.
CREATE TABLE policies (
    digest      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    accepted_at TEXT COLLATE "C" NOT NULL, -- when it was last accepted
    bytes       BIGINT NOT NULL,           -- size of its files
    files       BYTEA  NOT NULL            -- JSON, compressed (zlib)
);
