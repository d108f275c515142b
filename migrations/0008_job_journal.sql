-- What of a job's copy is finished for good, so that whoever takes the job over goes on from there: how far, and the
-- checksums of what was copied since the entry before. Goes with the job's end.
CREATE TABLE job_journal (
    job_id  uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    -- which copy: the images and snapshots by their ids
    what    text NOT NULL,
    up_to   bigint NOT NULL,
    -- pairs of 64-bit little-endian numbers: a region and its sum
    sums    bytea NOT NULL,
    PRIMARY KEY (job_id, what, up_to)
);
