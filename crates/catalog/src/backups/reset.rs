//! Setting a backup's status by hand (API spec 5.9).

use sqlx::PgConnection;

use super::cancel::{cancel, lock_job};
use super::record::lock_in;
use super::{Backup, Status};
use crate::page::Scope;
use crate::{BackupId, Catalog, Result, jobs, services};

/// Why a create ended, for those who read that.
const RESET: &str = "its status was reset while it was being made";

/// Why a status was not set, in the order in which the rules are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResetRejected {
    /// There is no such backup in the caller's sight.
    #[error("there is no backup {0}")]
    NoSuchBackup(BackupId),
    /// There is no worker; the reference would have one do it.
    #[error("there is no usable backup service")]
    NoService,
}

impl Catalog {
    /// Sets a backup's status, from whatever it was. Work on the backup that is under way is asked to stop:
    /// its worker finds the new status and gives volume or snapshot back.
    ///
    /// What is not yet all there, or no longer, does not become `available` by that: while the job that makes,
    /// imports or removes the backup has not ended, the backup stays what it is, and becomes what the job comes to.
    /// A create comes to `error`, since it is asked to stop.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reset_backup(
        &self,
        id: BackupId,
        scope: &Scope,
        status: Status,
    ) -> Result<std::result::Result<(), ResetRejected>> {
        let mut tx = self.pool.begin().await?;
        // jobs before backups, in the order of whoever records a job's end
        let job = lock_job(&mut tx, id).await?;
        let Some(backup) = lock_in(&mut tx, id, scope).await? else {
            return Ok(Err(ResetRejected::NoSuchBackup(id)));
        };
        if services::usable_backup_service(&mut tx, backup.zone()).await?.is_none() {
            return Ok(Err(ResetRejected::NoService));
        }
        let making = job.filter(|job| job.creates() && backup.status == Status::Creating);
        if let Some(job) = &making {
            cancel(&mut tx, job, &backup, RESET).await?;
        }
        // a create that no worker had has ended, and says so
        let ended = making.is_some_and(|job| job.untouched);
        if !ended && (status != Status::Available || !is_unfinished(&mut tx, id).await?) {
            set(&mut tx, &backup, status).await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }
}

/// Sets the status of a locked backup, and asks what else is being done with it to stop.
async fn set(tx: &mut PgConnection, backup: &Backup, status: Status) -> Result<()> {
    // what was found of it before the reset no longer counts: the scrub looks at it soon
    sqlx::query(
        "UPDATE backups
            SET status = $2, verified_at = NULL, verify_result = NULL, verify_asked_at = NULL, updated_at = now()
          WHERE id = $1",
    )
    .bind(backup.id)
    .bind(status)
    .execute(&mut *tx)
    .await?;
    if backup.status != status {
        jobs::request_cancel(tx, backup.id, None).await?;
    }
    Ok(())
}

/// Whether the job that makes or imports a backup, or one that may have removed something of it, has not ended yet.
async fn is_unfinished(tx: &mut PgConnection, id: BackupId) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM jobs
                         WHERE target_id = $1 AND state IN ('ready', 'running')
                           AND (kind IN ('backup_create', 'backup_import')
                                OR kind = 'backup_delete' AND (state = 'running' OR attempt > 0)))",
    )
    .bind(id)
    .fetch_one(tx)
    .await?)
}
