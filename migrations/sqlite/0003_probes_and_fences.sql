-- Where readiness writes what an event needs, in a transaction that is committed. One row, written again each time.
CREATE TABLE audit_probes (
    filler TEXT NOT NULL
);

-- Raised after a transaction of unknown outcome. A transaction that was begun with an earlier number appends nothing, however
-- late it ends, so the answer to the question where the chain ends is final.
ALTER TABLE audit_writers ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
