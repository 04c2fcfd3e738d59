-- Where readiness writes what an event needs, in a transaction that is committed. Each transaction deletes what it inserts.
CREATE TABLE audit_probes (
    filler TEXT NOT NULL
);

-- Not compressed: it takes the space that an event takes.
ALTER TABLE audit_probes ALTER COLUMN filler SET STORAGE EXTERNAL;

-- Raised after a transaction of unknown outcome. A transaction that was begun with an earlier number appends nothing, however
-- late it ends, so the answer to the question where the chain ends is final.
ALTER TABLE audit_writers ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;
