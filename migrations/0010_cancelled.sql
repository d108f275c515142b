-- Who asked for a job to be cancelled, in words for whoever reads why it failed; nothing where an administrator has set
-- the status of what it works on.
ALTER TABLE jobs ADD COLUMN cancelled_by text;

-- When the job last came on, by a step or by bytes: its worker may live, and wait for Ceph.
ALTER TABLE jobs ADD COLUMN progress_at timestamptz;
