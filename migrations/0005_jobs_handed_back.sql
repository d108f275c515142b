-- A job is given up after its workers went away too often. A worker that shuts down in order and hands its jobs back
-- did not go away.
ALTER TABLE jobs ADD COLUMN handed_back integer NOT NULL DEFAULT 0;
