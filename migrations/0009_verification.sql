-- Backups are read back and compared with what was recorded when they were made.
ALTER TABLE backups
    -- when that was last done to the end, and what came of it; `readable` where there was nothing to compare with
    ADD COLUMN verified_at     timestamptz,
    ADD COLUMN verify_result   text CHECK (verify_result IN ('sound', 'readable', 'damaged')),
    -- when the scrub last put it into the queue, or it was verified: who waited longest is next
    ADD COLUMN verify_asked_at timestamptz;

CREATE INDEX backups_unverified ON backups (COALESCE(verify_asked_at, created_at))
 WHERE deleted_at IS NULL AND status = 'available';

-- Verifications have lanes of their own, so that no other job waits for them, nor they for others.
DROP INDEX jobs_ready;
CREATE INDEX jobs_ready ON jobs (
    (CASE WHEN kind IN ('backup_create', 'backup_restore') THEN 'copy'
          WHEN kind = 'backup_verify' THEN 'verify'
          WHEN kind = 'backup_scrub' THEN 'scrub'
          ELSE 'light' END), run_at, created_at)
 WHERE state = 'ready';
