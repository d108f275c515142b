//! Setting a backup's status by hand (API spec 5.9).

use super::Status;
use super::record::lock_in;
use crate::page::Scope;
use crate::{BackupId, Catalog, Result, jobs, services};

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
    /// # Errors
    /// The database failed.
    pub async fn reset_backup(
        &self,
        id: BackupId,
        scope: &Scope,
        status: Status,
    ) -> Result<std::result::Result<(), ResetRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(backup) = lock_in(&mut tx, id, scope).await? else {
            return Ok(Err(ResetRejected::NoSuchBackup(id)));
        };
        if services::usable_backup_service(&mut tx, backup.zone()).await?.is_none() {
            return Ok(Err(ResetRejected::NoService));
        }
        // what was found of it before the reset no longer counts: the scrub looks at it soon
        sqlx::query(
            "UPDATE backups
                SET status = $2, verified_at = NULL, verify_result = NULL, verify_asked_at = NULL, updated_at = now()
              WHERE id = $1",
        )
        .bind(id)
        .bind(status)
        .execute(&mut *tx)
        .await?;
        if backup.status != status {
            jobs::request_cancel(&mut tx, id, None).await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }
}
