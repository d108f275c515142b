//! What the records say, for comparing them with what is on Ceph.
//!
//! A look at a volume's backups takes a while and holds nothing. It is worth something when no job worked on them
//! meanwhile: [`Catalog::was_busy`] says so afterwards, from the jobs that are there and those that have ended since.

mod leftovers;
mod status;

use std::time::Duration;

use fail_points::Point;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

pub use leftovers::{JobWithoutTarget, LockWithoutJob};
pub use status::{Kind, StaleStatus};

use crate::backups::{DRIVER, Status};
use crate::jobs::{Job, JobSpec};
use crate::workers::Connection;
use crate::{BackupId, Catalog, JobId, ProjectId, Result, SnapshotId, Time, VolumeId, transaction};

/// Jobs that may change something: not those that only read, nor those that compare.
macro_rules! changing {
    () => {
        "state IN ('ready', 'running') AND kind NOT IN ('backup_verify', 'backup_scrub', 'reconcile', 'reconcile_volume')"
    };
}

use changing;

/// What a backup's row says.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Record {
    /// The backup.
    pub id: BackupId,
    /// Its volume.
    pub volume_id: VolumeId,
    /// Its status.
    pub status: Status,
    /// The volume snapshot that it was made of.
    pub snapshot_id: Option<SnapshotId>,
    /// The pool that it is in.
    pub container: Option<String>,
    /// The driver's class path; `None` where no worker has ever taken it.
    pub service: Option<String>,
    /// Its own `service_metadata`.
    pub service_metadata: Option<String>,
    /// That of its parent.
    pub parent_metadata: Option<String>,
    /// When the row changed last.
    pub changed_at: Time,
    /// Whether it was made with checksums.
    pub checksums: bool,
    /// Whether it was deleted: such a row still proves that the backup was ours.
    pub deleted: bool,
    /// Whether it was complete once, whatever its status says: then what is left of it may be the last copy.
    pub completed: bool,
}

impl Record {
    /// Whether our driver has made it.
    pub fn is_ours(&self) -> bool {
        self.service.as_ref().is_some_and(|service| !service.is_empty() && DRIVER.starts_with(service.as_str()))
    }

    /// Its `service_metadata`, or that of its parent where it has none (format spec 1.1).
    pub fn placed(&self) -> Option<&str> {
        self.service_metadata.as_deref().or(self.parent_metadata.as_deref())
    }
}

/// What a volume's row says.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct VolumeRecord {
    /// Its status.
    pub status: crate::volumes::Status,
    /// When the row changed last.
    pub changed_at: Time,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Its size.
    pub size_gib: i32,
}

/// What the row of a volume's snapshot says.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct SnapshotRecord {
    /// The snapshot.
    pub id: SnapshotId,
    /// Its status.
    pub status: crate::snapshots::Status,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// What the row of another volume says, that was made as a copy of this one.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct CopyRecord {
    /// The copy.
    pub id: VolumeId,
    /// Whether it is still being made.
    pub being_made: bool,
}

/// What is named on Ceph, and is to be looked up.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The backups in the names of markers, restore points and others.
    pub backups: Vec<Uuid>,
    /// The snapshots in the names of those of the volume's image.
    pub snapshots: Vec<Uuid>,
    /// The volumes in such names, from which they were copied.
    pub copies: Vec<Uuid>,
}

/// What the records say of a volume and its backups, at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    /// The volume; `None` where there never was such a row.
    pub volume: Option<VolumeRecord>,
    /// The volume's live backups, and of all backups those that were asked for.
    pub backups: Vec<Record>,
    /// The volume's live snapshots, and of all its snapshots those that were asked for.
    pub snapshots: Vec<SnapshotRecord>,
    /// Of the volumes that were asked for those that were made of this one.
    pub copies: Vec<CopyRecord>,
    /// When the oldest job was put into the queue that is in it: what is younger may be that job's.
    pub horizon: Option<Time>,
}

/// The keys of all jobs that could change something of a volume, its backups, or these backups.
fn keys(volume: VolumeId, backups: &[Uuid]) -> Vec<String> {
    let mut keys = vec![format!("volume:{volume}"), format!("chain:{volume}")];
    keys.extend(backups.iter().map(|backup| format!("backup:{backup}")));
    keys
}

impl Catalog {
    /// The database's clock.
    ///
    /// # Errors
    /// The database failed.
    pub async fn now(&self) -> Result<Time> {
        Ok(sqlx::query_scalar("SELECT now()").fetch_one(&self.pool).await?)
    }

    /// The next volumes, by their ids, that have a live row or a live backup.
    ///
    /// # Errors
    /// The database failed.
    pub async fn recorded_volumes(&self, after: VolumeId, limit: i64) -> Result<Vec<Uuid>> {
        Ok(sqlx::query_scalar(
            "SELECT id FROM (
                 (SELECT id FROM volumes WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2)
                 UNION
                 (SELECT DISTINCT volume_id FROM backups WHERE volume_id > $1 AND deleted_at IS NULL
                   ORDER BY volume_id LIMIT $2)) AS both_kinds (id)
              ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?)
    }

    /// The pools that backups are, or were, recorded to be in.
    ///
    /// # Errors
    /// The database failed.
    pub async fn containers(&self) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar("SELECT DISTINCT container FROM backups WHERE container <> '' ORDER BY container")
            .fetch_all(&self.pool)
            .await?)
    }

    /// The volumes of these backups, deleted ones included; those without a row are left out.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volumes_of_backups(&self, backups: &[Uuid]) -> Result<Vec<(Uuid, Uuid)>> {
        Ok(sqlx::query_as("SELECT id, volume_id FROM backups WHERE id = ANY($1)")
            .bind(backups)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Reads a volume's records and those of what is `named` on Ceph, as they are at one moment.
    ///
    /// # Errors
    /// The database failed.
    pub async fn records_of(&self, volume: VolumeId, named: &Named) -> Result<Records> {
        let mut tx = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let backups = sqlx::query_as(
            "SELECT b.id, b.volume_id, b.status, b.snapshot_id, b.container, b.service, b.service_metadata, b.checksums,
                    p.service_metadata AS parent_metadata, COALESCE(b.updated_at, b.created_at) AS changed_at,
                    b.deleted_at IS NOT NULL AS deleted, b.completed_at IS NOT NULL AS completed
               FROM backups AS b LEFT JOIN backups AS p ON p.id = b.parent_id
              WHERE b.id = ANY(ARRAY(SELECT id FROM backups WHERE volume_id = $1 AND deleted_at IS NULL) || $2)
              ORDER BY b.created_at, b.id",
        )
        .bind(volume)
        .bind(&named.backups)
        .fetch_all(&mut *tx)
        .await?;
        let row = sqlx::query_as(
            "SELECT status, COALESCE(updated_at, created_at) AS changed_at, deleted_at IS NOT NULL AS deleted, size_gib
               FROM volumes WHERE id = $1",
        )
        .bind(volume)
        .fetch_optional(&mut *tx)
        .await?;
        let snapshots = sqlx::query_as(
            "SELECT id, status, deleted_at IS NOT NULL AS deleted FROM snapshots
              WHERE volume_id = $1 AND (deleted_at IS NULL OR id = ANY($2)) ORDER BY created_at, id",
        )
        .bind(volume)
        .bind(&named.snapshots)
        .fetch_all(&mut *tx)
        .await?;
        let copies = sqlx::query_as(
            "SELECT id, deleted_at IS NULL AND status = 'creating' AS being_made FROM volumes
              WHERE source_volume_id = $1 AND id = ANY($2) ORDER BY id",
        )
        .bind(volume)
        .bind(&named.copies)
        .fetch_all(&mut *tx)
        .await?;
        let horizon = sqlx::query_scalar(concat!("SELECT min(created_at) FROM jobs WHERE ", changing!()))
            .fetch_one(&mut *tx)
            .await?;
        tx.rollback().await?;
        Ok(Records { volume: row, backups, snapshots, copies, horizon })
    }

    /// Whether a job is in the queue, or has ended since then, that could change something of a volume, its backups,
    /// or these backups.
    ///
    /// # Errors
    /// The database failed.
    pub async fn was_busy(&self, volume: VolumeId, backups: &[Uuid], since: Time) -> Result<bool> {
        Ok(sqlx::query_scalar(concat!(
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE ",
            changing!(),
            " AND (lock_keys && $1 OR target_id = ANY($2)))
                 OR EXISTS (SELECT 1 FROM jobs WHERE finished_at >= $3 AND lock_keys && $1
                                                 AND kind NOT IN ('reconcile', 'reconcile_volume'))"
        ))
        .bind(keys(volume, backups))
        .bind(backups)
        .bind(since)
        .fetch_one(&self.pool)
        .await?)
    }

    /// The addresses of connections of workers that were fenced: they do nothing any more.
    ///
    /// # Errors
    /// The database failed.
    pub async fn fenced_addresses(&self) -> Result<Vec<String>> {
        let rows: Vec<(Json<Vec<Connection>>,)> =
            sqlx::query_as("SELECT connections FROM workers WHERE fenced_at IS NOT NULL").fetch_all(&self.pool).await?;
        Ok(rows.into_iter().flat_map(|(connections,)| connections.0).map(|one| one.address).collect())
    }

    /// Puts a job into the queue and claims it at once, for work that nobody has asked for: with its keys held no
    /// other job can begin on the same things. `None` where one is in the queue that needs one of the keys.
    ///
    /// # Errors
    /// The database failed.
    pub async fn take_job(&self, spec: JobSpec, worker: &str, lease: Duration) -> Result<Option<Job>> {
        let id = JobId::random();
        let nobody = ProjectId(String::new());
        let keys = spec.lock_keys();
        let mut tx = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO jobs (id, kind, target_id, project_id, spec, lock_keys, state, worker, lease_until, attempt)
             SELECT $1, $2, $3, $4, $5, $6, 'running', $7, now() + $8 * interval '1 second', 1
              WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE state IN ('ready', 'running') AND lock_keys && $6)",
        )
        .bind(id)
        .bind(spec.kind())
        .bind(spec.target())
        .bind(&nobody)
        .bind(Json(&spec))
        .bind(&keys)
        .bind(worker)
        .bind(lease.as_secs_f64())
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if made == 0 {
            return Ok(None);
        }
        let held = sqlx::query(
            "INSERT INTO job_locks (key, job_id) SELECT unnest($1::text[]), $2 ON CONFLICT (key) DO NOTHING",
        )
        .bind(&keys)
        .bind(id)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if held != keys.len() as u64 {
            return Ok(None); // a claim took one of them a moment ago
        }
        transaction::commit(Point::TakeJob, tx).await?;
        Ok(Some(Job::taken(id, spec, nobody, worker.to_owned())))
    }

    /// Whether it is time again to compare everything: the last time, or the beginning of the installation, is longer
    /// ago than this.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reconcile_is_due(&self, every: Duration) -> Result<bool> {
        Ok(sqlx::query_scalar(
            "SELECT COALESCE((SELECT min(created_at) FROM services) < now() - $2 * interval '1 second', false)
                AND NOT EXISTS (SELECT 1 FROM jobs WHERE target_id = $1 AND kind = 'reconcile'
                                                     AND created_at > now() - $2 * interval '1 second')",
        )
        .bind(JobSpec::Reconcile.target())
        .bind(every.as_secs_f64())
        .fetch_one(&self.pool)
        .await?)
    }

    /// Records that an available backup's data is not there. Returns whether it was recorded: not where the status
    /// has changed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn record_lost(&self, id: BackupId, why: &str) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let lost: Option<(ProjectId,)> = sqlx::query_as(
            "UPDATE backups
                SET status = $2, fail_reason = left($3, 255), completed_at = COALESCE(completed_at, now()),
                    updated_at = now()
              WHERE id = $1 AND status = $4 AND deleted_at IS NULL
          RETURNING project_id",
        )
        .bind(id)
        .bind(Status::Error)
        .bind(why)
        .bind(Status::Available)
        .fetch_optional(&mut *tx)
        .await?;
        let Some((project,)) = lost else { return Ok(false) };
        status::tell(&mut tx, project, id, status::DAMAGED).await?;
        transaction::commit(Point::RecordLost, tx).await?;
        Ok(true)
    }
}
