//! A catalogue of many projects, large enough that Postgres plans as it does in a large installation.

use sqlx::{Executor, PgPool};
use uuid::Uuid;

/// How many projects there are; they are alike.
const PROJECTS: u32 = 500;
/// Live backups of each.
pub(super) const BACKUPS: u32 = 360;
/// Volumes of each.
pub(super) const VOLUMES: u32 = 40;
/// Snapshots of each.
pub(super) const SNAPSHOTS: u32 = 80;
/// Messages for each.
pub(super) const MESSAGES: u32 = 80;
/// Jobs that wait for a worker, over all projects.
const WAITING: u32 = 20_000;

/// Fills the tables. Number `i` of each kind is called `uuid(kind, i)`; it belongs to the project `i % 500`.
pub(super) async fn load(sql: &PgPool) {
    for statement in [
        "CREATE FUNCTION project(i bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT md5('project' || i % 500) $$",
        "CREATE FUNCTION id(kind text, i bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT md5(kind || i)::uuid $$",
        // the order in the table is that of time; several rows are of the same moment
        "CREATE FUNCTION at(i bigint) RETURNS timestamptz IMMUTABLE LANGUAGE sql
             AS $$ SELECT timestamptz '2026-01-01 00:00:00+00' + i / 4 * interval '1 second' $$",
        "INSERT INTO volumes (id, project_id, user_id, name, size_gib, status, availability_zone, volume_type_id, host,
                              metadata, created_at)
         SELECT id('volume', i), project(i), 'alice', 'volume-' || i / 500 % 20, 1 + i % 7,
                CASE i % 9 WHEN 0 THEN 'in-use' WHEN 1 THEN 'error' ELSE 'available' END, 'nova',
                (SELECT id FROM volume_types), 'lab@rbd#volumes', jsonb_build_object('tier', (i % 3)::text), at(i)
           FROM generate_series(0, 19999) AS i",
        "INSERT INTO attachments (id, volume_id, host_name, created_at, detached_at)
         SELECT id('attachment', i), id('volume', i), 'node', at(i), CASE WHEN i % 9 > 0 THEN now() END
           FROM generate_series(0, 19999) AS i",
        "INSERT INTO snapshots (id, volume_id, project_id, user_id, name, size_gib, status, created_at)
         SELECT id('snapshot', i), id('volume', i % 20000), project(i), 'alice', 'snapshot-' || i / 500 % 20, 1,
                CASE i % 9 WHEN 0 THEN 'error' ELSE 'available' END, at(i)
           FROM generate_series(0, 39999) AS i",
        // ten backups of each volume: three chains, and one that was deleted
        "INSERT INTO backups (id, project_id, user_id, volume_id, parent_id, name, status, size_gib, container,
                              availability_zone, host, service, service_metadata, metadata, data_timestamp, created_at,
                              deleted_at)
         SELECT id('backup', i), project(i), 'alice', id('volume', i % 20000),
                CASE WHEN i / 20000 % 3 > 0 THEN id('backup', i - 20000) END, 'backup-' || i / 500 % 45,
                CASE WHEN i >= 180000 THEN 'deleted' WHEN i / 500 % 30 = 0 THEN 'error' ELSE 'available' END, 1 + i % 7,
                'backups', 'nova', 'node', 'cinder.backup.drivers.ceph.CephBackupDriver',
                '{\"base\": \"volume-' || id('volume', i % 20000) || '.backup.base\"}', '{\"k\": \"v\"}', at(i), at(i),
                CASE WHEN i >= 180000 THEN now() END
           FROM generate_series(0, 199999) AS i",
        "INSERT INTO messages (id, project_id, resource_type, resource_uuid, action_id, detail_id, created_at)
         SELECT id('message', i), project(i), 'VOLUME_BACKUP', id('backup', i), '013', '020', at(i)
           FROM generate_series(0, 39999) AS i",
        "INSERT INTO jobs (id, kind, target_id, project_id, spec, lock_keys, state, run_at, created_at, finished_at)
         SELECT id('job', i), 'backup_create', id('backup', i), project(i),
                jsonb_build_object('kind', 'backup_create', 'backup', id('backup', i),
                                   'volume', id('volume', i % 20000), 'incremental', true),
                ARRAY['chain:' || id('volume', i % 20000), 'volume:' || id('volume', i % 20000)],
                CASE WHEN i < 180000 THEN 'done' ELSE 'ready' END, at(i), at(i),
                CASE WHEN i < 180000 THEN now() END
           FROM generate_series(0, 199999) AS i",
        "VACUUM ANALYZE",
    ] {
        sql.execute(statement).await.unwrap();
    }
    assert_eq!(count(sql, "backups WHERE deleted_at IS NULL").await, PROJECTS * BACKUPS);
    assert_eq!(count(sql, "volumes").await, PROJECTS * VOLUMES);
    assert_eq!(count(sql, "snapshots").await, PROJECTS * SNAPSHOTS);
    assert_eq!(count(sql, "messages").await, PROJECTS * MESSAGES);
    assert_eq!(count(sql, "jobs WHERE state = 'ready'").await, WAITING);
}

async fn count(sql: &PgPool, of: &str) -> u32 {
    let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {of}"));
    let count: i64 = sqlx::query_scalar(statement).fetch_one(sql).await.unwrap();
    u32::try_from(count).unwrap()
}

/// The id of number `i` of a kind.
pub(super) async fn id(sql: &PgPool, kind: &str, i: i64) -> Uuid {
    sqlx::query_scalar("SELECT id($1, $2)").bind(kind).bind(i).fetch_one(sql).await.unwrap()
}

/// The project of number `i` of every kind.
pub(super) async fn project(sql: &PgPool, i: i64) -> String {
    sqlx::query_scalar("SELECT project($1)").bind(i).fetch_one(sql).await.unwrap()
}

/// Makes message number `i` anew.
pub(super) async fn restore_message(sql: &PgPool, i: i64) {
    sqlx::query(
        "INSERT INTO messages (id, project_id, resource_type, resource_uuid, action_id, detail_id, created_at)
         SELECT id('message', $1), project($1), 'VOLUME_BACKUP', id('backup', $1), '013', '020', at($1)",
    )
    .bind(i)
    .execute(sql)
    .await
    .unwrap();
}

/// Gives a project limits that it does not reach, so that what it has is counted and nothing is refused.
pub(super) async fn no_quota(sql: &PgPool, project: &str) {
    sqlx::query(
        "INSERT INTO quotas (project_id, resource, hard_limit)
         SELECT $1, unnest(ARRAY['backups', 'backup_gigabytes', 'volumes', 'snapshots', 'gigabytes']), 1000000
             ON CONFLICT DO NOTHING",
    )
    .bind(project)
    .execute(sql)
    .await
    .unwrap();
}

/// A volume as a worker leaves it.
pub(super) async fn make_available(sql: &PgPool, volume: Uuid) {
    sqlx::query("UPDATE volumes SET status = 'available' WHERE id = $1").bind(volume).execute(sql).await.unwrap();
}

/// A type that no volume has.
pub(super) async fn unused_type(sql: &PgPool) -> Uuid {
    sqlx::query_scalar("INSERT INTO volume_types (name) VALUES ('unused') RETURNING id").fetch_one(sql).await.unwrap()
}

/// Takes the jobs of the other lane out of the queue.
pub(super) async fn only_copies_wait(sql: &PgPool) {
    sqlx::query("DELETE FROM jobs WHERE kind <> 'backup_create' AND state = 'ready'").execute(sql).await.unwrap();
}
