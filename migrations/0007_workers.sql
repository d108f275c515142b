-- A worker's name stands for its connections to Ceph. They are written down before anything is written over them, so
-- that whoever takes a job over can keep the one who lost it from writing (docs/adr/0011-a-lost-worker-is-blocklisted.md).
CREATE TABLE workers (
    name         text PRIMARY KEY,
    host         text NOT NULL,
    -- [{"fsid": the cluster's id, "address": that of the connection there}]
    connections  jsonb NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    fenced_at    timestamptz
);

-- Who held the job when its lease ran out, and was not known to be fenced since.
ALTER TABLE jobs ADD COLUMN predecessors text[] NOT NULL DEFAULT '{}';
