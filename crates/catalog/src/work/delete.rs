//! Deletes of backups.

use fail_points::Point;

use super::backup::{backup_message, places_of};
use super::{backup_row, reason};
use crate::backups::{Backup, Status};
use crate::jobs::{self, Job, JobEnd};
use crate::messages::{self, Action, Detail};
use crate::{BackupId, Catalog, Result, transaction};

/// What a worker needs to delete a backup.
#[derive(Debug, Clone)]
pub struct DeleteWork {
    /// The backup.
    pub backup: Backup,
    /// Its `service_metadata`, or that of its parent where it has none (format spec 1.1).
    pub service_metadata: Option<String>,
    /// Whether it was never recorded which image it went to.
    pub unplaced: bool,
    /// Whether it was never whole: then nothing but its restore point shows that an image is its own.
    pub failed: bool,
    /// For one that is `unplaced`, the `service_metadata` of the volume's other backups, deleted ones included, one of
    /// which an attempt may have chosen as its parent.
    pub elsewhere: Vec<String>,
    /// Whether no other live backup of the volume could live in the legacy base image (format spec 5.3 c).
    pub sole_legacy: bool,
}

impl Catalog {
    /// Reads what is to be deleted. `None` when the backup is gone, or no longer `deleting` and nothing was removed of
    /// it. Where an earlier attempt may have removed something (`begun`) the delete is seen through, whatever status
    /// was set meanwhile: what is left is no backup.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin_backup_delete(&self, id: BackupId, begun: bool) -> Result<Option<DeleteWork>> {
        let mut tx = self.pool.begin().await?;
        let Some(backup) = backup_row(&mut tx, id).await? else { return Ok(None) };
        if backup.status != Status::Deleting && !begun {
            return Ok(None);
        }
        let (own, service_metadata, completed): (Option<String>, Option<String>, bool) = sqlx::query_as(
            "SELECT b.service_metadata, COALESCE(b.service_metadata, p.service_metadata), b.completed_at IS NOT NULL
               FROM backups AS b LEFT JOIN backups AS p ON p.id = b.parent_id WHERE b.id = $1",
        )
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
        let (others,): (bool,) = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM backups
                             WHERE volume_id = $1 AND id <> $2 AND deleted_at IS NULL
                               AND (service_metadata IS NULL OR service_metadata LIKE '%.backup.base\"%'))",
        )
        .bind(backup.volume_id)
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
        let unplaced = own.is_none();
        // its create may have ended without a reason, where it was deleted or reset meanwhile
        let failed = unplaced && (backup.fail_reason.is_some() || !completed);
        let elsewhere = if unplaced { places_of(&mut tx, &backup).await? } else { Vec::new() };
        transaction::commit(Point::BeginDelete, tx).await?;
        Ok(Some(DeleteWork { backup, service_metadata, unplaced, failed, elsewhere, sole_legacy: !others }))
    }

    /// Records that a backup is gone, whatever its status was set to meanwhile: its data is. Its quota is free
    /// with that: usage is counted from live rows.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_backup_delete(&self, job: &Job, id: BackupId) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "UPDATE backups SET status = $2, deleted_at = now(), updated_at = now()
              WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(Status::Deleted)
        .execute(&mut *tx)
        .await?;
        jobs::end(&mut tx, job, JobEnd::Done).await?;
        transaction::commit(Point::FinishDelete, tx).await?;
        Ok(())
    }

    /// Records that a backup could not be deleted (API spec 5.2: `error`, with the reason), whatever its status was set
    /// to meanwhile: a part of it may be gone.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_backup_delete(&self, job: &Job, id: BackupId, why: &str) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query(
            "UPDATE backups SET status = $2, fail_reason = $3, updated_at = now()
              WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(Status::Error)
        .bind(reason(why))
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed == 1 {
            messages::add(&mut tx, &backup_message(job, id, Action::DeleteBackup, Detail::DriverDeleteFailed)).await?;
        }
        jobs::end(&mut tx, job, JobEnd::Failed(why)).await?;
        transaction::commit(Point::FailDelete, tx).await?;
        Ok(())
    }
}
