//! Cancelling what is being done with a backup: its create, or a restore of it.
//!
//! A job that no worker has ever taken ends here and now. Any other is asked to stop: its worker hears of that at
//! once, or finds it in the job's row, and so does whoever takes the job over.

use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};

use super::record::lock_in;
use super::{Backup, Status, delete};
use crate::jobs::{self, JobSpec};
use crate::messages::Detail;
use crate::page::Scope;
use crate::work::{self, Asker};
use crate::{BackupId, Catalog, JobId, ProjectId, Result};

/// Why nothing was cancelled, in the order in which the rules are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CancelRejected {
    /// There is no such backup in the caller's sight.
    #[error("there is no backup {0}")]
    NoSuchBackup(BackupId),
    /// Nothing is being done with it that could be cancelled.
    #[error("the backup is {0}")]
    Status(Status),
}

/// Why a backup that is being made was not deleted, in the order in which the rules are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForceDeleteRejected {
    /// There is no such backup in the caller's sight.
    #[error("there is no backup {0}")]
    NoSuchBackup(BackupId),
    /// It is not being made.
    #[error("the backup is {0}")]
    Status(Status),
    /// Increments to it are alive, whosever they are.
    #[error("the backup has increments")]
    HasDependents,
    /// There is no worker that could do it.
    #[error("there is no usable backup service")]
    NoService,
}

/// What may be cancelled.
#[derive(FromRow)]
pub(super) struct Running {
    id: JobId,
    spec: Json<JobSpec>,
    project_id: ProjectId,
    request_id: Option<String>,
    /// No worker ever had it.
    pub(super) untouched: bool,
}

impl Running {
    /// Whether it makes the backup.
    pub(super) fn creates(&self) -> bool {
        matches!(self.spec.0, JobSpec::BackupCreate { .. })
    }
}

impl Catalog {
    /// Cancels the create of a backup, or a restore of it. `by` says who asked for that, for those who read why it
    /// failed. Once this has returned, a create is not recorded as done any more.
    ///
    /// # Errors
    /// The database failed.
    pub async fn cancel_backup(
        &self,
        id: BackupId,
        scope: &Scope,
        by: &str,
    ) -> Result<std::result::Result<(), CancelRejected>> {
        let mut tx = self.pool.begin().await?;
        // jobs before backups, in the order of whoever records a job's end
        let job = lock_job(&mut tx, id).await?;
        let Some(backup) = lock_in(&mut tx, id, scope).await? else {
            return Ok(Err(CancelRejected::NoSuchBackup(id)));
        };
        match job {
            Some(job) if matches!(backup.status, Status::Creating | Status::Restoring) => {
                cancel(&mut tx, &job, &backup, &cancelled(by)).await?;
            }
            _ => return Ok(Err(CancelRejected::Status(backup.status))),
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Whether work on a backup that was asked to be cancelled has not ended yet.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_being_cancelled(&self, id: BackupId) -> Result<bool> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM jobs
                             WHERE target_id = $1 AND state IN ('ready', 'running') AND cancel_requested)",
        )
        .bind(id)
        .fetch_one(&self.pool)
        .await?)
    }

    /// Cancels the create of a backup and deletes it: the row is `deleting`, the job that removes what there is waits
    /// for the create to have ended.
    ///
    /// # Errors
    /// The database failed.
    pub async fn force_delete_backup(
        &self,
        id: BackupId,
        scope: &Scope,
        by: &str,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<(), ForceDeleteRejected>> {
        let mut tx = self.pool.begin().await?;
        let job = lock_job(&mut tx, id).await?;
        let Some(backup) = lock_in(&mut tx, id, scope).await? else {
            return Ok(Err(ForceDeleteRejected::NoSuchBackup(id)));
        };
        let job = match job {
            Some(job) if backup.status == Status::Creating => job,
            _ => return Ok(Err(ForceDeleteRejected::Status(backup.status))),
        };
        if delete::has_dependents(&mut tx, id).await? {
            return Ok(Err(ForceDeleteRejected::HasDependents));
        }
        if crate::services::usable_backup_service(&mut tx, backup.zone()).await?.is_none() {
            return Ok(Err(ForceDeleteRejected::NoService));
        }
        cancel(&mut tx, &job, &backup, &cancelled(by)).await?;
        delete::begin(&mut tx, &backup, request_id).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}

/// The create or the restore of a backup that waits or runs, locked until the transaction ends.
pub(super) async fn lock_job(tx: &mut PgConnection, id: BackupId) -> Result<Option<Running>> {
    Ok(sqlx::query_as(
        "SELECT id, spec, project_id, request_id, state = 'ready' AND attempt = 0 AS untouched FROM jobs
          WHERE target_id = $1 AND kind IN ('backup_create', 'backup_restore') AND state IN ('ready', 'running')
          ORDER BY created_at DESC LIMIT 1
            FOR UPDATE",
    )
    .bind(id)
    .fetch_optional(tx)
    .await?)
}

/// Why it failed, for those who read that.
fn cancelled(by: &str) -> String {
    format!("cancelled by {by}")
}

/// Asks the job to stop; one that no worker ever had has ended with that.
pub(super) async fn cancel(tx: &mut PgConnection, job: &Running, backup: &Backup, why: &str) -> Result<()> {
    jobs::request_cancel(tx, backup.id, Some(why)).await?;
    if !job.untouched {
        return Ok(());
    }
    let asker = Asker { project_id: &job.project_id, request_id: job.request_id.as_deref() };
    match job.spec.0 {
        JobSpec::BackupRestore { volume, .. } => {
            work::restore_failed(tx, &asker, backup, volume, Detail::Cancelled).await?;
        }
        _ => work::backup_failed(tx, &asker, backup, Detail::Cancelled, why).await?,
    }
    jobs::drop_untouched(tx, job.id, why).await
}
