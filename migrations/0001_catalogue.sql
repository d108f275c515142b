-- The catalogue: backups, the volumes and snapshots of the standalone source, and the work queue.
-- Conventions: UUID keys; timestamptz (microseconds, the database's clock); statuses are text with a CHECK;
-- soft delete through deleted_at; live rows have partial indexes; lists run by (created_at, id).

CREATE TABLE volume_types (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    description  text,
    is_public    boolean NOT NULL DEFAULT true,
    extra_specs  jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz,
    deleted_at   timestamptz
);
CREATE UNIQUE INDEX volume_types_live_name ON volume_types (name) WHERE deleted_at IS NULL;
INSERT INTO volume_types (name, description) VALUES ('__DEFAULT__', 'Default Volume Type');

CREATE TABLE volumes (
    id                 uuid PRIMARY KEY,
    project_id         text NOT NULL,
    user_id            text NOT NULL,
    name               text,
    description        text,
    size_gib           integer NOT NULL CHECK (size_gib >= 0),
    status             text NOT NULL CHECK (status IN ('creating', 'available', 'reserved', 'attaching', 'detaching', 'in-use',
                           'maintenance', 'deleting', 'error', 'error_deleting', 'error_managing', 'managing',
                           'awaiting-transfer', 'backing-up', 'error_backing-up', 'restoring-backup', 'error_restoring',
                           'downloading', 'uploading', 'retyping', 'extending', 'error_extending', 'deleted')),
    -- what the status was before `backing-up`, then how the last backup ended (API spec 5.2)
    previous_status    text,
    availability_zone  text NOT NULL,
    volume_type_id     uuid REFERENCES volume_types (id),
    snapshot_id        uuid,
    source_volume_id   uuid,
    source_backup_id   uuid,
    bootable           boolean NOT NULL DEFAULT false,
    multiattach        boolean NOT NULL DEFAULT false,
    migration_status   text,
    encryption_key_id  uuid,
    host               text,
    metadata           jsonb NOT NULL DEFAULT '{}',
    -- `readonly`, `attached_mode`: shown with the user's metadata, never set through it
    admin_metadata     jsonb NOT NULL DEFAULT '{}',
    image_metadata     jsonb NOT NULL DEFAULT '{}',
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz,
    launched_at        timestamptz,
    deleted_at         timestamptz
);
CREATE INDEX volumes_live_project ON volumes (project_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX volumes_live ON volumes (created_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE attachments (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    volume_id      uuid NOT NULL REFERENCES volumes (id),
    instance_uuid  uuid,
    host_name      text,
    mountpoint     text,
    mode           text NOT NULL DEFAULT 'rw' CHECK (mode IN ('rw', 'ro')),
    attached_at    timestamptz NOT NULL DEFAULT now(),
    detached_at    timestamptz
);
CREATE INDEX attachments_live ON attachments (volume_id) WHERE detached_at IS NULL;

CREATE TABLE snapshots (
    id           uuid PRIMARY KEY,
    volume_id    uuid NOT NULL REFERENCES volumes (id),
    project_id   text NOT NULL,
    user_id      text NOT NULL,
    name         text,
    description  text,
    size_gib     integer NOT NULL CHECK (size_gib >= 0),
    status       text NOT NULL CHECK (status IN ('creating', 'available', 'deleting', 'error', 'error_deleting', 'deleted',
                     'updating', 'unmanaging', 'backing-up', 'restoring')),
    progress     text,
    metadata     jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz,
    deleted_at   timestamptz
);
CREATE INDEX snapshots_live_project ON snapshots (project_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX snapshots_live_volume ON snapshots (volume_id) WHERE deleted_at IS NULL;

CREATE TABLE backups (
    id                 uuid PRIMARY KEY,
    project_id         text NOT NULL,
    user_id            text NOT NULL,
    -- no foreign key: a backup outlives its volume, and an imported one never had one here
    volume_id          uuid NOT NULL,
    snapshot_id        uuid,
    parent_id          uuid,
    restore_volume_id  uuid,
    name               text,
    description        text,
    status             text NOT NULL CHECK (status IN ('creating', 'available', 'deleting', 'error', 'restoring',
                           'error_deleting', 'deleted')),
    fail_reason        text CHECK (length(fail_reason) <= 255),
    size_gib           integer NOT NULL DEFAULT 0 CHECK (size_gib >= 0),
    object_count       integer NOT NULL DEFAULT 0,
    container          text,
    availability_zone  text,
    host               text,
    -- the driver class as Cinder stores it; NULL until a worker has taken the backup
    service            text,
    -- {"base": "<image>"} exactly as Cinder writes it (format spec 1.1); NULL on legacy rows
    service_metadata   text CHECK (length(service_metadata) <= 255),
    encryption_key_id  uuid,
    metadata           jsonb NOT NULL DEFAULT '{}',
    data_timestamp     timestamptz,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz,
    deleted_at         timestamptz
);
CREATE INDEX backups_live_project ON backups (project_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX backups_live ON backups (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX backups_live_volume ON backups (volume_id, created_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX backups_live_parent ON backups (parent_id) WHERE deleted_at IS NULL AND parent_id IS NOT NULL;

-- Limits set by an administrator; a missing row means the class's or the built-in default.
CREATE TABLE quotas (
    project_id  text NOT NULL,
    resource    text NOT NULL,
    hard_limit  integer NOT NULL CHECK (hard_limit >= -1),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, resource)
);
CREATE TABLE quota_classes (
    class       text NOT NULL,
    resource    text NOT NULL,
    hard_limit  integer NOT NULL CHECK (hard_limit >= -1),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (class, resource)
);

-- User messages (API spec 10.2).
CREATE TABLE messages (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id     text NOT NULL,
    request_id     text,
    resource_type  text NOT NULL,
    resource_uuid  uuid,
    action_id      text NOT NULL,
    detail_id      text NOT NULL,
    message_level  text NOT NULL DEFAULT 'ERROR',
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL DEFAULT now() + interval '30 days'
);
CREATE INDEX messages_project ON messages (project_id, created_at DESC, id DESC);
CREATE INDEX messages_expiry ON messages (expires_at);

-- One row per (binary, host); `state` in the API is derived from the heartbeat's age.
CREATE TABLE services (
    binary_name      text NOT NULL,
    host             text NOT NULL,
    zone             text NOT NULL,
    disabled         boolean NOT NULL DEFAULT false,
    disabled_reason  text,
    heartbeat_at     timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (binary_name, host)
);

-- The work queue. A row is claimed under a lease; two running jobs never hold the same key in job_locks.
CREATE TABLE jobs (
    id                uuid PRIMARY KEY,
    kind              text NOT NULL,
    -- the backup, volume or snapshot that the job is about
    target_id         uuid NOT NULL,
    project_id        text NOT NULL,
    spec              jsonb NOT NULL,
    lock_keys         text[] NOT NULL,
    state             text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'done', 'failed')),
    step              text,
    bytes_examined    bigint NOT NULL DEFAULT 0,
    bytes_copied      bigint NOT NULL DEFAULT 0,
    bytes_total       bigint,
    attempt           integer NOT NULL DEFAULT 0,
    worker            text,
    lease_until       timestamptz,
    run_at            timestamptz NOT NULL DEFAULT now(),
    cancel_requested  boolean NOT NULL DEFAULT false,
    error             text,
    request_id        text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz,
    finished_at       timestamptz,
    CHECK ((state = 'running') = (lease_until IS NOT NULL AND worker IS NOT NULL))
);
CREATE INDEX jobs_ready ON jobs (run_at, created_at) WHERE state = 'ready';
CREATE INDEX jobs_lease ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_target ON jobs (target_id, created_at DESC);

CREATE TABLE job_locks (
    key     text PRIMARY KEY,
    job_id  uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE INDEX job_locks_job ON job_locks (job_id);
