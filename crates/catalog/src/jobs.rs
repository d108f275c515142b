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

mod claim;
mod held;
mod listen;
mod spec;

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::types::Json;

use crate::{BackupId, Catalog, JobId, ProjectId, Result};

pub use held::{JobEnd, end};
pub use listen::{Announced, JobListener};
pub use spec::{JobSpec, Lane, VolumeOrigin};

pub(crate) use held::{holds, is_cancelled, stale};
pub(crate) use spec::lane;

/// The channel on which a new job is announced.
const CHANNEL: &str = "cindervault_jobs";

/// The channel on which it is announced that a job is to be cancelled.
const CANCELS: &str = "cindervault_cancels";

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

impl Catalog {
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
}
