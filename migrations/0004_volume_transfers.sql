-- Volumes on their way to another project. One that was accepted or taken back has deleted_at.
CREATE TABLE volume_transfers (
    id                      uuid PRIMARY KEY,
    volume_id               uuid NOT NULL REFERENCES volumes (id),
    name                    text,
    -- of the key that the other project has to know, with the id before it
    key_hash                bytea NOT NULL,
    -- the volume's snapshots stay with the old project
    no_snapshots            boolean NOT NULL,
    source_project_id       text NOT NULL,
    destination_project_id  text,
    accepted                boolean NOT NULL DEFAULT false,
    created_at              timestamptz NOT NULL DEFAULT now(),
    deleted_at              timestamptz
);
CREATE UNIQUE INDEX volume_transfers_live_volume ON volume_transfers (volume_id) WHERE deleted_at IS NULL;
CREATE INDEX volume_transfers_live_project ON volume_transfers (source_project_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
