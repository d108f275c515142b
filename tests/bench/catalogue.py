"""Fills a catalogue: backups in chains, with the volumes, snapshots, messages and jobs that belong to them."""

from __future__ import annotations

from collections.abc import Callable

# Row number i of every kind is of project i % projects, so that a project's rows lie scattered among the others'.
FILL = """
SET synchronous_commit = off;
CREATE FUNCTION pg_temp.id(kind text, i bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT md5(kind || i)::uuid $$;
CREATE FUNCTION pg_temp.project(i bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT md5('project' || i % {projects}) $$;
CREATE FUNCTION pg_temp.at(i bigint) RETURNS timestamptz IMMUTABLE LANGUAGE sql
    AS $$ SELECT now() - ({backups} - i) * interval '100 ms' $$;

INSERT INTO volumes (id, project_id, user_id, name, size_gib, status, availability_zone, volume_type_id, host, metadata,
                     created_at, launched_at)
SELECT pg_temp.id('volume', i), pg_temp.project(i), 'alice', 'volume-' || i / {projects}, 1 + i % 7, 'available', 'nova',
       (SELECT id FROM volume_types WHERE name = '__DEFAULT__'), 'lab@rbd#volumes',
       jsonb_build_object('tier', (i / {projects} % 5)::text), pg_temp.at(i), pg_temp.at(i)
  FROM generate_series(0, {volumes} - 1) AS i;

INSERT INTO snapshots (id, volume_id, project_id, user_id, name, size_gib, status, progress, created_at)
SELECT pg_temp.id('snapshot', i), pg_temp.id('volume', i), pg_temp.project(i), 'alice', 'snapshot', 1 + i % 7, 'available',
       '100%', pg_temp.at(i)
  FROM generate_series(0, {volumes} - 1) AS i;

-- Ten backups of each volume: a full one and nine increments, each to the one before.
INSERT INTO backups (id, project_id, user_id, volume_id, parent_id, name, description, status, fail_reason, size_gib,
                     container, availability_zone, host, service, service_metadata, metadata, data_timestamp, created_at,
                     updated_at)
SELECT pg_temp.id('backup', i), pg_temp.project(i), 'alice', pg_temp.id('volume', i % {volumes}),
       CASE WHEN i >= {volumes} THEN pg_temp.id('backup', i - {volumes}) END, 'backup-' || i / {projects} % 100,
       'made every night', CASE WHEN i / {projects} % 50 = 7 THEN 'error' ELSE 'available' END,
       CASE WHEN i / {projects} % 50 = 7 THEN 'the pool or the cluster is full' END, 1 + i % 7, 'backups', 'nova', 'lab',
       'cinder.backup.drivers.ceph.CephBackupDriver',
       '{{"base": "volume-' || pg_temp.id('volume', i % {volumes}) || '.backup.' || pg_temp.id('backup', i % {volumes})
           || '"}}',
       '{{"policy": "nightly"}}', pg_temp.at(i), pg_temp.at(i), pg_temp.at(i)
  FROM generate_series(0, {backups} - 1) AS i;

INSERT INTO messages (project_id, resource_type, resource_uuid, action_id, detail_id, created_at)
SELECT pg_temp.project(i), 'VOLUME_BACKUP', pg_temp.id('backup', i), '013', '020', pg_temp.at(i)
  FROM generate_series(0, {backups} - 1) AS i WHERE i / {projects} % 50 = 7;

INSERT INTO jobs (id, kind, target_id, project_id, spec, lock_keys, state, attempt, run_at, created_at, finished_at)
SELECT pg_temp.id('job', i), 'backup_create', pg_temp.id('backup', i), pg_temp.project(i),
       jsonb_build_object('kind', 'backup_create', 'backup', pg_temp.id('backup', i),
                          'volume', pg_temp.id('volume', i % {volumes}), 'incremental', i >= {volumes}),
       ARRAY['chain:' || pg_temp.id('volume', i % {volumes}), 'volume:' || pg_temp.id('volume', i % {volumes})],
       'done', 1, pg_temp.at(i), pg_temp.at(i), now()
  FROM generate_series(0, {backups} - 1) AS i WHERE i >= 9 * {volumes};

-- A project of which backups are made.
INSERT INTO quotas (project_id, resource, hard_limit)
SELECT md5('creator'), unnest(ARRAY['backups', 'backup_gigabytes']), 1000000000;
INSERT INTO volumes (id, project_id, user_id, size_gib, status, availability_zone, volume_type_id, host)
SELECT pg_temp.id('created', i), md5('creator'), 'alice', 1, 'available', 'nova',
       (SELECT id FROM volume_types WHERE name = '__DEFAULT__'), 'lab@rbd#volumes'
  FROM generate_series(0, {spare} - 1) AS i;
"""

# What creates have left.
TIDY = """
DELETE FROM jobs WHERE project_id = md5('creator');
DELETE FROM backups WHERE project_id = md5('creator');
UPDATE volumes SET status = 'available' WHERE project_id = md5('creator') AND status <> 'available';
"""

# Volumes of which a backup can be made.
SPARE = 20_000

Sql = Callable[[str], str]


def fill(sql: Sql, backups: int, projects: int) -> None:
    sql(FILL.format(backups=backups, projects=projects, volumes=backups // 10, spare=SPARE))
    sql("VACUUM ANALYZE")
    found = sql("SELECT count(*) FROM backups")
    if found != str(backups):
        raise SystemExit(f"bench: {found} backups were made instead of {backups}")


def tidy(sql: Sql) -> None:
    sql(TIDY)
