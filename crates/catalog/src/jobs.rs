//! The work queue: jobs are rows, claimed under a lease.
//!
//! A job is put into the queue by the transaction that changes the records it is about ([`enqueue`]), and
//! leaves it in the transaction that records what became of it ([`end`]). Between the two, exactly one
//! worker holds it: a claim gives a lease, the worker renews it, and a job whose lease has run out may be
//! claimed by another worker, which counts up `attempt`. Every write that a worker makes for its job names
//! worker and attempt, so that one that lost its lease changes nothing more.
//!
//! A job also holds lock keys while it runs (`volume:<id>` for whoever writes a volume's image or its
//! snapshots, `chain:<id>` for whoever writes the backups of a volume). Two running jobs never share a key.

use std::time::Duration;

use fail_points::Point;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgListener;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};

use crate::{BackupId, Catalog, Error, JobId, ProjectId, Result, SnapshotId, VolumeId, transaction};

/// The channel on which a new job is announced.
const CHANNEL: &str = "cindervault_jobs";

/// The channel on which it is announced that a job is to be cancelled.
const CANCELS: &str = "cindervault_cancels";

/// What a job is to do. Stored as JSON in the job's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    /// Back a volume or a snapshot up (the backup row is `creating`).
    BackupCreate {
        /// The backup.
        backup: BackupId,
        /// Its volume.
        volume: VolumeId,
        /// Whether the user asked for an incremental one.
        incremental: bool,
    },
    /// Delete a backup (the row is `deleting`).
    BackupDelete {
        /// The backup.
        backup: BackupId,
        /// Its volume.
        volume: VolumeId,
    },
    /// Restore a backup (the row is `restoring`).
    BackupRestore {
        /// The backup.
        backup: BackupId,
        /// The volume that is written. Its row is `restoring-backup`, or `creating` for a volume made from a backup.
        volume: VolumeId,
        /// Whether the volume's image has still to be made.
        new_volume: bool,
    },
    /// Read a backup back and compare it with its checksums, because somebody wants to know.
    BackupVerify {
        /// The backup.
        backup: BackupId,
    },
    /// The same, because it was not done for long: slowly, beside everything else.
    BackupScrub {
        /// The backup.
        backup: BackupId,
    },
    /// Remove from a volume what its next incremental backup does not need.
    SourceTrim {
        /// The volume.
        volume: VolumeId,
    },
    /// Look at what an imported record names and make it `available`.
    BackupImport {
        /// The backup, whose row is `creating`.
        backup: BackupId,
        /// The record's driver text, matched against our own.
        service: String,
        /// The decoded record, as it came.
        record: serde_json::Value,
    },
    /// Make a volume's image (the row is `creating`).
    VolumeCreate {
        /// The volume.
        volume: VolumeId,
        /// What it is made from; nothing for an empty one.
        from: Option<VolumeOrigin>,
    },
    /// Delete a volume's image (the row is `deleting`), and its snapshots first when `cascade` is set.
    VolumeDelete {
        /// The volume.
        volume: VolumeId,
        /// Delete its snapshots too.
        cascade: bool,
    },
    /// Grow a volume's image (the row is `extending`).
    VolumeExtend {
        /// The volume.
        volume: VolumeId,
        /// The new size in GiB.
        new_size_gib: i32,
        /// The status to go back to.
        previous_status: String,
    },
    /// Make a snapshot of a volume's image (the row is `creating`).
    SnapshotCreate {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Its volume.
        volume: VolumeId,
    },
    /// Compare everything with what is on Ceph. Begun by the worker that has it: whoever takes it over ends it.
    Reconcile,
    /// Repair what was found to disagree about a volume's backups. As with [`Self::Reconcile`].
    ReconcileVolume {
        /// The volume.
        volume: VolumeId,
        /// The backups of which something is left.
        backups: Vec<BackupId>,
    },
    /// Delete a snapshot (the row is `deleting`).
    SnapshotDelete {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Its volume.
        volume: VolumeId,
    },
}

/// What a new volume's content is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeOrigin {
    /// A snapshot, with the volume that it is a snapshot of.
    Snapshot(SnapshotId, VolumeId),
    /// Another volume as it stands.
    Volume(VolumeId),
}

/// Jobs are claimed in lanes, so that a snapshot never waits for a long copy, nor a copy for what may take days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Creates and restores of backups: they move data.
    Copy,
    /// Verifications that somebody asked for: they only read, and hold up nobody.
    Verify,
    /// Verifications whose turn it is.
    Scrub,
    /// Everything else.
    Light,
}

impl JobSpec {
    /// The job's kind as stored in the `kind` column.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BackupCreate { .. } => "backup_create",
            Self::BackupDelete { .. } => "backup_delete",
            Self::BackupRestore { .. } => "backup_restore",
            Self::BackupVerify { .. } => "backup_verify",
            Self::BackupScrub { .. } => "backup_scrub",
            Self::SourceTrim { .. } => "source_trim",
            Self::BackupImport { .. } => "backup_import",
            Self::VolumeCreate { .. } => "volume_create",
            Self::VolumeDelete { .. } => "volume_delete",
            Self::VolumeExtend { .. } => "volume_extend",
            Self::Reconcile => "reconcile",
            Self::ReconcileVolume { .. } => "reconcile_volume",
            Self::SnapshotCreate { .. } => "snapshot_create",
            Self::SnapshotDelete { .. } => "snapshot_delete",
        }
    }

    pub(crate) fn target(&self) -> uuid::Uuid {
        match *self {
            // there is one at a time
            Self::Reconcile => uuid::Uuid::nil(),
            Self::BackupCreate { backup, .. }
            | Self::BackupDelete { backup, .. }
            | Self::BackupRestore { backup, .. }
            | Self::BackupVerify { backup }
            | Self::BackupScrub { backup }
            | Self::BackupImport { backup, .. } => backup.0,
            Self::VolumeCreate { volume, .. }
            | Self::ReconcileVolume { volume, .. }
            | Self::VolumeDelete { volume, .. }
            | Self::VolumeExtend { volume, .. }
            | Self::SourceTrim { volume } => volume.0,
            Self::SnapshotCreate { snapshot, .. } | Self::SnapshotDelete { snapshot, .. } => snapshot.0,
        }
    }

    /// The keys that must be free for the job to run, sorted, so that two claims can not deadlock.
    pub(crate) fn lock_keys(&self) -> Vec<String> {
        let mut keys = match *self {
            Self::Reconcile => vec!["reconcile".to_owned()],
            Self::ReconcileVolume { volume, ref backups } => {
                let own = [format!("volume:{volume}"), format!("chain:{volume}")];
                own.into_iter().chain(backups.iter().map(|backup| format!("backup:{backup}"))).collect()
            }
            Self::BackupCreate { volume, .. } | Self::SourceTrim { volume } => {
                vec![format!("volume:{volume}"), format!("chain:{volume}")]
            }
            // what is being restored is not deleted, whatever its status is set to meanwhile
            Self::BackupDelete { backup, volume } => {
                vec![format!("volume:{volume}"), format!("chain:{volume}"), format!("backup:{backup}")]
            }
            Self::BackupRestore { backup, volume, .. } => {
                vec![format!("volume:{volume}"), format!("backup:{backup}")]
            }
            Self::VolumeDelete { volume, .. }
            | Self::VolumeExtend { volume, .. }
            | Self::SnapshotCreate { volume, .. }
            | Self::SnapshotDelete { volume, .. }
            | Self::VolumeCreate { volume, from: None } => vec![format!("volume:{volume}")],
            Self::VolumeCreate {
                volume,
                from: Some(VolumeOrigin::Snapshot(_, origin) | VolumeOrigin::Volume(origin)),
            } => vec![format!("volume:{volume}"), format!("volume:{origin}")],
            Self::BackupImport { backup, .. } => vec![format!("backup:{backup}")],
            // only reads; what is removed under it is told from damage by the backup's status
            Self::BackupVerify { .. } | Self::BackupScrub { .. } => Vec::new(),
        };
        keys.sort_unstable();
        keys
    }
}

/// The lane of a job's kind, as the index of the waiting jobs has it.
macro_rules! lane {
    () => {
        "(CASE WHEN kind IN ('backup_create', 'backup_restore') THEN 'copy'
               WHEN kind = 'backup_verify' THEN 'verify'
               WHEN kind = 'backup_scrub' THEN 'scrub'
               ELSE 'light' END)"
    };
}

pub(crate) use lane;

impl Lane {
    /// Its name in the index of the waiting jobs.
    fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Verify => "verify",
            Self::Scrub => "scrub",
            Self::Light => "light",
        }
    }

    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Copy => &["backup_create", "backup_restore"],
            Self::Verify => &["backup_verify"],
            Self::Scrub => &["backup_scrub"],
            Self::Light => &[
                "backup_delete",
                "backup_import",
                "source_trim",
                "volume_create",
                "volume_delete",
                "volume_extend",
                "snapshot_create",
                "snapshot_delete",
                "reconcile",
                "reconcile_volume",
            ],
        }
    }
}

/// A job that this worker holds.
#[derive(Debug, Clone)]
pub struct Job {
    /// The job's id.
    pub id: JobId,
    /// What it is to do.
    pub spec: JobSpec,
    /// The project that asked for it.
    pub project_id: ProjectId,
    /// The request that asked for it, for user messages.
    pub request_id: Option<String>,
    /// Who holds it: the name the claim was made under.
    pub worker: String,
    /// How often it was claimed; 1 the first time.
    pub attempt: i32,
    /// How often it was claimed because a worker went away without a word, the first time included.
    pub takeovers: i32,
    /// The last step that an earlier attempt recorded.
    pub step: Option<String>,
    /// Whether somebody had asked for it to be cancelled when it was claimed.
    pub cancel: bool,
    /// The workers who lost it and may still write for it: they must be fenced before anything is done
    /// ([`Catalog::lost_workers`]).
    pub predecessors: Vec<String>,
}

impl Job {
    /// A job that was claimed when it was put into the queue.
    pub(crate) fn taken(id: JobId, spec: JobSpec, project_id: ProjectId, worker: String) -> Self {
        Self {
            id,
            spec,
            project_id,
            request_id: None,
            worker,
            attempt: 1,
            takeovers: 1,
            step: None,
            cancel: false,
            predecessors: Vec::new(),
        }
    }
}

/// What a candidate for a claim fulfils, besides its state: its kind is of the lane (`$3`), none of its keys is
/// held, and if it is a backup's, the backup service of the worker's host (`$4`) is not disabled, and is in the
/// backup's zone: the one that was asked for, else that of the volume (API spec 10.3). Anybody imports.
macro_rules! runnable {
    () => {
        "kind = ANY($3)
         AND NOT EXISTS (SELECT 1 FROM job_locks WHERE key = ANY(candidate.lock_keys) AND job_id <> candidate.id)
         AND NOT (kind LIKE 'backup%' AND EXISTS (
                     SELECT 1 FROM services AS s
                      WHERE s.binary_name = 'cinder-backup' AND s.host = $4
                        AND (s.disabled OR s.zone <> (
                             SELECT COALESCE(NULLIF(b.availability_zone, ''),
                                             CASE WHEN candidate.kind = 'backup_create' THEN v.availability_zone END)
                               FROM backups AS b LEFT JOIN volumes AS v ON v.id = b.volume_id
                              WHERE b.id = candidate.target_id AND candidate.kind <> 'backup_import'))))"
    };
}

#[derive(FromRow)]
struct JobRow {
    id: JobId,
    spec: Json<JobSpec>,
    project_id: ProjectId,
    request_id: Option<String>,
    worker: String,
    attempt: i32,
    takeovers: i32,
    step: Option<String>,
    cancel_requested: bool,
    predecessors: Vec<String>,
    lock_keys: Vec<String>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd<'a> {
    /// It did what it was to do.
    Done,
    /// It did not, for this reason.
    Failed(&'a str),
}

/// Puts a job into the queue as part of the caller's transaction; workers are woken when that commits.
///
/// # Errors
/// The database failed.
pub async fn enqueue(
    tx: &mut PgConnection,
    spec: &JobSpec,
    project: &ProjectId,
    request_id: Option<&str>,
) -> Result<JobId> {
    let id = JobId::random();
    sqlx::query(
        "INSERT INTO jobs (id, kind, target_id, project_id, spec, lock_keys, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(spec.kind())
    .bind(spec.target())
    .bind(project)
    .bind(Json(spec))
    .bind(spec.lock_keys())
    .bind(request_id)
    .execute(&mut *tx)
    .await?;
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *tx).await?;
    Ok(id)
}

/// Takes a job out of the queue as part of the transaction that records its outcome.
///
/// # Errors
/// [`Error::Stale`] when the job is no longer this worker's: the transaction must be rolled back.
pub async fn end(tx: &mut PgConnection, job: &Job, how: JobEnd<'_>) -> Result<()> {
    let (state, error) = match how {
        JobEnd::Done => ("done", None),
        JobEnd::Failed(reason) => ("failed", Some(reason)),
    };
    let changed = sqlx::query(
        "UPDATE jobs
            SET state = $4, error = $5, worker = NULL, lease_until = NULL, finished_at = now(), updated_at = now()
          WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'",
    )
    .bind(job.id)
    .bind(&job.worker)
    .bind(job.attempt)
    .bind(state)
    .bind(error)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if changed != 1 {
        return Err(stale(job.id));
    }
    sqlx::query("DELETE FROM job_locks WHERE job_id = $1").bind(job.id).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM job_journal WHERE job_id = $1").bind(job.id).execute(&mut *tx).await?;
    // a job that waited for one of these keys can run now
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *tx).await?;
    Ok(())
}

/// Asks for the work on a backup to be cancelled, as part of the caller's transaction; its worker hears of it when that
/// commits. `why` is what it will say that failed.
///
/// # Errors
/// The database failed.
pub(crate) async fn request_cancel(tx: &mut PgConnection, backup: BackupId, why: Option<&str>) -> Result<()> {
    sqlx::query(
        "UPDATE jobs SET cancel_requested = true, cancelled_by = COALESCE(cancelled_by, $2), updated_at = now()
          WHERE target_id = $1 AND state IN ('ready', 'running')
            AND kind IN ('backup_create', 'backup_restore', 'backup_import')",
    )
    .bind(backup)
    .bind(why)
    .execute(&mut *tx)
    .await?;
    sqlx::query("SELECT pg_notify($1, '')").bind(CANCELS).execute(tx).await?;
    Ok(())
}

/// Takes a job out of the queue that no worker ever had, whose outcome the caller's transaction records.
///
/// # Errors
/// The database failed.
pub(crate) async fn drop_untouched(tx: &mut PgConnection, id: JobId, why: &str) -> Result<()> {
    sqlx::query("UPDATE jobs SET state = 'failed', error = $2, finished_at = now(), updated_at = now() WHERE id = $1")
        .bind(id)
        .bind(why)
        .execute(tx)
        .await?;
    Ok(())
}

/// Whether the job is still to be ended by this worker: `false` when this very attempt has ended it already,
/// which a repeated call after a lost answer finds. Locks the job until the transaction ends.
///
/// # Errors
/// [`Error::Stale`] when the job is no longer this worker's.
pub(crate) async fn holds(tx: &mut PgConnection, job: &Job) -> Result<bool> {
    let row: Option<(String, Option<String>, i32)> =
        sqlx::query_as("SELECT state, worker, attempt FROM jobs WHERE id = $1 FOR UPDATE")
            .bind(job.id)
            .fetch_optional(tx)
            .await?;
    match row {
        Some((state, worker, attempt)) if attempt == job.attempt => match state.as_str() {
            "running" if worker.as_deref() == Some(&job.worker) => Ok(true),
            "done" => Ok(false),
            _ => Err(stale(job.id)),
        },
        _ => Err(stale(job.id)),
    }
}

/// Whether somebody asked for the job to be cancelled, for a transaction that holds it.
pub(crate) async fn is_cancelled(tx: &mut PgConnection, job: &Job) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT cancel_requested FROM jobs WHERE id = $1").bind(job.id).fetch_one(tx).await?)
}

pub(crate) fn stale(id: JobId) -> Error {
    Error::Stale { table: "jobs", id: id.to_string() }
}

impl Catalog {
    /// Claims the oldest job of the lane that may run now: one whose worker let its lease run out, else one that
    /// is ready. `None` when there is none. The `cinder-backup` service of `host` claims no backup jobs while it is
    /// disabled, and none of other zones.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claim_job(&self, worker: &str, host: &str, lane: Lane, lease: Duration) -> Result<Option<Job>> {
        Box::pin(self.claim(worker, host, lane, lease, true)).await
    }

    /// As [`Self::claim_job`], and takes no job over: for a while after the database was away, when those who hold jobs
    /// may not have been able to say so yet.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claim_ready_job(&self, worker: &str, host: &str, lane: Lane, lease: Duration) -> Result<Option<Job>> {
        Box::pin(self.claim(worker, host, lane, lease, false)).await
    }

    async fn claim(
        &self,
        worker: &str,
        host: &str,
        lane: Lane,
        lease: Duration,
        take_over: bool,
    ) -> Result<Option<Job>> {
        let mut tx = self.pool.begin().await?;
        let row: Option<JobRow> = sqlx::query_as(
            // two steps, because only each by itself follows an index; the second is taken where the first finds none
            concat!(
                "WITH lapsed AS (
                     SELECT id FROM jobs AS candidate
                      WHERE $6 AND state = 'running' AND lease_until < now() AND ",
                runnable!(),
                " ORDER BY run_at, created_at LIMIT 1 FOR UPDATE SKIP LOCKED),
                      ready AS (
                     SELECT id FROM jobs AS candidate
                      WHERE state = 'ready' AND run_at <= now() AND NOT EXISTS (SELECT 1 FROM lapsed)
                        AND ",
                lane!(),
                " = $5 AND ",
                runnable!(),
                " ORDER BY run_at, created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
                 UPDATE jobs
                    SET state = 'running', worker = $1, lease_until = now() + $2 * interval '1 second',
                        predecessors = CASE WHEN state = 'ready' OR worker = ANY(predecessors) THEN predecessors
                                            ELSE predecessors || worker END,
                        attempt = attempt + 1, updated_at = now()
                  WHERE id = (SELECT id FROM lapsed UNION ALL SELECT id FROM ready)
              RETURNING id, spec, project_id, request_id, worker, attempt, attempt - handed_back AS takeovers, step,
                        cancel_requested, predecessors, lock_keys"
            ),
        )
        .bind(worker)
        .bind(lease.as_secs_f64())
        .bind(lane.kinds())
        .bind(host)
        .bind(lane.name())
        .bind(take_over)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let held = sqlx::query(
            "INSERT INTO job_locks (key, job_id) SELECT unnest($1::text[]), $2
                 ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id WHERE job_locks.job_id = excluded.job_id",
        )
        .bind(&row.lock_keys)
        .bind(row.id)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if held != row.lock_keys.len() as u64 {
            // another claim took one of the keys a moment ago; its end will wake us
            tx.rollback().await?;
            return Ok(None);
        }
        transaction::commit(Point::ClaimJob, tx).await?;
        Ok(Some(Job {
            id: row.id,
            spec: row.spec.0,
            project_id: row.project_id,
            request_id: row.request_id,
            worker: row.worker,
            attempt: row.attempt,
            takeovers: row.takeovers,
            step: row.step,
            cancel: row.cancel_requested,
            predecessors: row.predecessors,
        }))
    }

    /// Extends the lease of a job. Returns whether somebody asked for the job to be cancelled.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's: it must stop touching Ceph.
    pub async fn renew_job(&self, job: &Job, lease: Duration) -> Result<bool> {
        let renewal = sqlx::query_as(
            "UPDATE jobs SET lease_until = now() + $4 * interval '1 second', updated_at = now()
              WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'
          RETURNING cancel_requested",
        )
        .bind(job.id)
        .bind(&job.worker)
        .bind(job.attempt)
        .bind(lease.as_secs_f64())
        .fetch_optional(&self.pool);
        let cancel: Option<(bool,)> = transaction::single(Point::RenewJob, renewal).await?;
        cancel.map(|(cancel,)| cancel).ok_or_else(|| stale(job.id))
    }

    /// Records which step a job has reached, before the step is taken. Returns whether somebody asked for the job to
    /// be cancelled.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's.
    pub async fn record_step(&self, job: &Job, step: &str) -> Result<bool> {
        let record = sqlx::query_as(
            "UPDATE jobs SET step = $4, progress_at = now(), updated_at = now()
              WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'
          RETURNING cancel_requested",
        )
        .bind(job.id)
        .bind(&job.worker)
        .bind(job.attempt)
        .bind(step)
        .fetch_optional(&self.pool);
        let cancel: Option<(bool,)> = transaction::single(Point::RecordStep, record).await?;
        cancel.map(|(cancel,)| cancel).ok_or_else(|| stale(job.id))
    }

    /// Records how far a job's copy has come, in bytes.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's.
    pub async fn record_progress(&self, job: &Job, examined: u64, copied: u64, total: u64) -> Result<()> {
        let record = sqlx::query(
            "UPDATE jobs SET bytes_examined = $4, bytes_copied = $5, bytes_total = $6, progress_at = now(), updated_at = now()
              WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'",
        )
        .bind(job.id)
        .bind(&job.worker)
        .bind(job.attempt)
        .bind(i64::try_from(examined).unwrap_or(i64::MAX))
        .bind(i64::try_from(copied).unwrap_or(i64::MAX))
        .bind(i64::try_from(total).unwrap_or(i64::MAX))
        .execute(&self.pool);
        let changed = transaction::single(Point::RecordProgress, record).await?.rows_affected();
        if changed == 1 { Ok(()) } else { Err(stale(job.id)) }
    }

    /// Takes a job out of the queue that has nothing to record besides.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's.
    pub async fn end_job(&self, job: &Job, how: JobEnd<'_>) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        end(&mut tx, job, how).await?;
        transaction::commit(Point::EndJob, tx).await?;
        Ok(())
    }

    /// Gives a job back to the queue, to be claimed again after `delay`: for a failure that passes by
    /// itself, or (`drained`) for a worker that shuts down, which does not count as having gone away.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's.
    pub async fn release_job(&self, job: &Job, delay: Duration, drained: bool, why: &str) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query(
            "UPDATE jobs
                SET state = 'ready', worker = NULL, lease_until = NULL, error = $5,
                    run_at = now() + $4 * interval '1 second', handed_back = handed_back + $6::int, updated_at = now()
              WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'",
        )
        .bind(job.id)
        .bind(&job.worker)
        .bind(job.attempt)
        .bind(delay.as_secs_f64())
        .bind(why)
        .bind(i32::from(drained))
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed != 1 {
            return Err(stale(job.id));
        }
        sqlx::query("DELETE FROM job_locks WHERE job_id = $1").bind(job.id).execute(&mut *tx).await?;
        sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *tx).await?;
        transaction::commit(Point::ReleaseJob, tx).await?;
        Ok(())
    }

    /// Removes the rows of jobs that ended longer ago than `keep`, up to a bound, and returns how many they
    /// were. To be called now and then.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reap_jobs(&self, keep: Duration) -> Result<u64> {
        /// At most so many in one call, so that a call is short.
        const BATCH: i64 = 1000;
        Ok(sqlx::query(
            "DELETE FROM jobs
              WHERE id = ANY (ARRAY(SELECT id FROM jobs
                                     WHERE finished_at < now() - $1 * interval '1 second'
                                     ORDER BY finished_at LIMIT $2))",
        )
        .bind(keep.as_secs_f64())
        .bind(BATCH)
        .execute(&self.pool)
        .await?
        .rows_affected())
    }

    /// Opens a connection on which new jobs are announced. Announcements are hints: a job may also become
    /// claimable by time alone, so a worker looks at the queue now and then as well.
    ///
    /// # Errors
    /// The database failed.
    pub async fn job_listener(&self) -> Result<JobListener> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen_all([CHANNEL, CANCELS]).await?;
        Ok(JobListener { listener })
    }

    /// How long the database's server has been running.
    ///
    /// # Errors
    /// The database failed.
    pub async fn server_age(&self) -> Result<Duration> {
        let seconds: f64 = sqlx::query_scalar("SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float8")
            .fetch_one(&self.pool)
            .await?;
        Ok(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    /// Which of these jobs somebody asked to be cancelled.
    ///
    /// # Errors
    /// The database failed.
    pub async fn cancelled_jobs(&self, jobs: &[JobId]) -> Result<Vec<JobId>> {
        Ok(sqlx::query_scalar("SELECT id FROM jobs WHERE id = ANY($1) AND cancel_requested")
            .bind(jobs)
            .fetch_all(&self.pool)
            .await?)
    }

    /// In what words a job was asked to be cancelled; `None` where it was not, or where there are none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn why_cancelled(&self, job: &Job) -> Result<Option<String>> {
        let why: Option<Option<String>> =
            sqlx::query_scalar("SELECT cancelled_by FROM jobs WHERE id = $1 AND cancel_requested")
                .bind(job.id)
                .fetch_optional(&self.pool)
                .await?;
        Ok(why.flatten())
    }
}

/// What may have come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// A job that can be claimed.
    Job,
    /// A job is to be cancelled.
    Cancel,
    /// Both: the connection was lost and made anew.
    Anything,
}

/// A connection on which new jobs are announced.
#[derive(Debug)]
pub struct JobListener {
    listener: PgListener,
}

impl JobListener {
    /// Waits for an announcement, or for the connection to have been lost and made anew (then something may
    /// have been missed, and looking at the queue is right as well).
    ///
    /// # Errors
    /// The database is away.
    pub async fn wait(&mut self) -> Result<Announced> {
        Ok(match self.listener.try_recv().await? {
            None => Announced::Anything,
            Some(heard) if heard.channel() == CANCELS => Announced::Cancel,
            Some(_) => Announced::Job,
        })
    }
}
