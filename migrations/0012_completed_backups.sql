-- When a backup was complete for the first time, whatever became of it since: a base without a restore point is half made
-- only where its backup never was.
ALTER TABLE backups ADD COLUMN completed_at timestamptz;

-- Of those that are there nothing more is known: all that are not being made count, so that none is taken for half made.
UPDATE backups SET completed_at = COALESCE(updated_at, created_at) WHERE status <> 'creating';
