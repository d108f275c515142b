-- A page costs what is on it: the orders and filters that clients use have an index each, within a project and over
-- all projects. What has none reads its project's live records (docs/api.md).

CREATE INDEX backups_project_name ON backups (project_id, COALESCE(name, ''), created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX backups_project_status ON backups (project_id, status, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX volumes_project_name ON volumes (project_id, COALESCE(name, ''), created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX volumes_project_status ON volumes (project_id, status, created_at, id) WHERE deleted_at IS NULL;
-- whether a type is in use
CREATE INDEX volumes_type ON volumes (volume_type_id, created_at) WHERE deleted_at IS NULL;

CREATE INDEX snapshots_project_name ON snapshots (project_id, COALESCE(name, ''), created_at, id)
 WHERE deleted_at IS NULL;
CREATE INDEX snapshots_project_status ON snapshots (project_id, status, created_at, id) WHERE deleted_at IS NULL;

-- Of all projects. The second condition always holds, and only lists of all projects name it: Postgres can not take one
-- of these for a list of one project, which it would where it believes that hardly any rows follow the marker.
DROP INDEX backups_live;
CREATE INDEX backups_live ON backups (created_at DESC, id DESC)
 WHERE deleted_at IS NULL AND (project_id || '') IS NOT NULL;
CREATE INDEX backups_name ON backups (COALESCE(name, ''), created_at, id)
 WHERE deleted_at IS NULL AND (project_id || '') IS NOT NULL;
CREATE INDEX backups_status ON backups (status, created_at, id)
 WHERE deleted_at IS NULL AND (project_id || '') IS NOT NULL;
DROP INDEX volumes_live;
CREATE INDEX volumes_live ON volumes (created_at DESC, id DESC)
 WHERE deleted_at IS NULL AND (project_id || '') IS NOT NULL;
CREATE INDEX snapshots_live ON snapshots (created_at DESC, id DESC)
 WHERE deleted_at IS NULL AND (project_id || '') IS NOT NULL;
CREATE INDEX messages_live ON messages (created_at DESC, id DESC) WHERE (project_id || '') IS NOT NULL;
DROP INDEX messages_expiry;
CREATE INDEX messages_expiry ON messages (expires_at) WHERE (project_id || '') IS NOT NULL;

-- The head of each lane, however long the queue of the other one is.
DROP INDEX jobs_ready;
CREATE INDEX jobs_ready ON jobs (
    (CASE WHEN kind IN ('backup_create', 'backup_restore') THEN 'copy' ELSE 'light' END), run_at, created_at)
 WHERE state = 'ready';
