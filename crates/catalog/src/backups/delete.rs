//! Asking for a backup's deletion (API spec 5.5).

use sqlx::PgConnection;

use super::record::lock_in;
use super::{Backup, Status};
use crate::jobs::{self, JobSpec};
use crate::page::Scope;
use crate::{BackupId, Catalog, Result, services};

/// Why no deletion was begun, in the order in which the rules are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeleteRejected {
    /// There is no such backup in the caller's sight.
    #[error("there is no backup {0}")]
    NoSuchBackup(BackupId),
    /// The backup is neither `available` nor `error`.
    #[error("the backup is {0}")]
    Status(Status),
    /// Increments to it are alive, whosever they are.
    #[error("the backup has increments")]
    HasDependents,
    /// There is no worker that could do it.
    #[error("there is no usable backup service")]
    NoService,
}

impl Catalog {
    /// Begins a backup's deletion: its row is `deleting`, the job is in the queue.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_backup(
        &self,
        id: BackupId,
        scope: &Scope,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<(), DeleteRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(backup) = lock_in(&mut tx, id, scope).await? else {
            return Ok(Err(DeleteRejected::NoSuchBackup(id)));
        };
        if !matches!(backup.status, Status::Available | Status::Error) {
            return Ok(Err(DeleteRejected::Status(backup.status)));
        }
        if has_dependents(&mut tx, id).await? {
            return Ok(Err(DeleteRejected::HasDependents));
        }
        if services::usable_backup_service(&mut tx, backup.zone()).await?.is_none() {
            return Ok(Err(DeleteRejected::NoService));
        }
        begin(&mut tx, &backup, request_id).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}

/// Whether increments to a backup are alive. A create that has chosen it as its parent holds its row until its own
/// row can be seen here.
pub(super) async fn has_dependents(tx: &mut PgConnection, id: BackupId) -> Result<bool> {
    let (dependents,): (bool,) =
        sqlx::query_as("SELECT EXISTS (SELECT 1 FROM backups WHERE parent_id = $1 AND deleted_at IS NULL)")
            .bind(id)
            .fetch_one(tx)
            .await?;
    Ok(dependents)
}

/// The row is `deleting`, and the job is in the queue.
pub(super) async fn begin(tx: &mut PgConnection, backup: &Backup, request_id: Option<&str>) -> Result<()> {
    sqlx::query("UPDATE backups SET status = $2, updated_at = now() WHERE id = $1")
        .bind(backup.id)
        .bind(Status::Deleting)
        .execute(&mut *tx)
        .await?;
    let spec = JobSpec::BackupDelete { backup: backup.id, volume: backup.volume_id };
    jobs::enqueue(tx, &spec, &backup.project_id, request_id).await?;
    Ok(())
}
