//! Asking for a backup to be read back and compared with its checksums, and what is known of it.

use sqlx::FromRow;

use super::Status;
use super::record::lock_in;
use crate::jobs::{self, JobSpec};
use crate::page::Scope;
use crate::text_enum::text_enum;
use crate::{BackupId, Catalog, JobId, Result, Time, services};

text_enum! {
    /// What reading a backup back has shown.
    VerifyResult {
        /// It is what was backed up.
        Sound = "sound",
        /// All of it can be read; there was nothing to compare it with.
        Readable = "readable",
        /// It is not what was backed up, or can not be read.
        Damaged = "damaged",
    }
}

/// Why no verification was begun, in the order in which the rules are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyRejected {
    /// There is no such backup in the caller's sight.
    #[error("there is no backup {0}")]
    NoSuchBackup(BackupId),
    /// The backup is neither `available` nor `restoring`.
    #[error("the backup is {0}")]
    Status(Status),
    /// There is no worker that could do it.
    #[error("there is no usable backup service")]
    NoService,
}

/// What is known of a backup's data.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Verification {
    /// The backup's status.
    pub status: Status,
    /// Why it is in an error status.
    pub fail_reason: Option<String>,
    /// When it was last read back.
    pub verified_at: Option<Time>,
    /// What that has shown.
    pub verify_result: Option<VerifyResult>,
}

/// A job of a backup, as people are shown it.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct BackupJob {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: String,
    /// `ready`, `running`, `done` or `failed`.
    pub state: String,
    /// The last step that was begun.
    pub step: Option<String>,
    /// How often it was claimed.
    pub attempt: i32,
    /// How much of the image was dealt with, bytes.
    pub bytes_examined: i64,
    /// How much was written, bytes.
    pub bytes_copied: i64,
    /// The image's size, bytes.
    pub bytes_total: Option<i64>,
    /// Why it failed, or waits to be tried again.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Time,
    /// When it last told something of itself.
    pub updated_at: Option<Time>,
    /// When it last came on: one that runs and does not waits for Ceph.
    pub progress_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
}

impl Catalog {
    /// Puts a backup's verification into the queue, unless it is there already.
    ///
    /// # Errors
    /// The database failed.
    pub async fn verify_backup(
        &self,
        id: BackupId,
        scope: &Scope,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<(), VerifyRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(backup) = lock_in(&mut tx, id, scope).await? else {
            return Ok(Err(VerifyRejected::NoSuchBackup(id)));
        };
        if !matches!(backup.status, Status::Available | Status::Restoring) {
            return Ok(Err(VerifyRejected::Status(backup.status)));
        }
        if services::usable_backup_service(&mut tx, backup.zone()).await?.is_none() {
            return Ok(Err(VerifyRejected::NoService));
        }
        let (waits,): (bool,) = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM jobs
                             WHERE target_id = $1 AND kind = 'backup_verify' AND state IN ('ready', 'running'))",
        )
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
        if !waits {
            jobs::enqueue(&mut tx, &JobSpec::BackupVerify { backup: id }, &backup.project_id, request_id).await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// What is known of a backup's data; `None` when there is no such backup.
    ///
    /// # Errors
    /// The database failed.
    pub async fn verification(&self, id: BackupId) -> Result<Option<Verification>> {
        Ok(sqlx::query_as(
            "SELECT status, fail_reason, verified_at, verify_result FROM backups WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// The latest jobs of a backup, newest first, at most `few`; not those of an earlier one with this id, which may have
    /// been another project's.
    ///
    /// # Errors
    /// The database failed.
    pub async fn backup_jobs(&self, id: BackupId, few: u32) -> Result<Vec<BackupJob>> {
        Ok(sqlx::query_as(
            "SELECT id, kind, state, step, attempt, bytes_examined, bytes_copied, bytes_total, error, created_at,
                    updated_at, progress_at, finished_at
               FROM jobs
              WHERE target_id = $1 AND created_at >= (SELECT created_at FROM backups WHERE id = $1)
              ORDER BY created_at DESC LIMIT $2",
        )
        .bind(id)
        .bind(i64::from(few))
        .fetch_all(&self.pool)
        .await?)
    }

    /// The backups that can be verified, the one that has waited longest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn verifiable_backups(&self) -> Result<Vec<BackupId>> {
        Ok(sqlx::query_scalar(
            "SELECT id FROM backups WHERE deleted_at IS NULL AND status = 'available'
              ORDER BY COALESCE(verify_asked_at, created_at)",
        )
        .fetch_all(&self.pool)
        .await?)
    }
}
