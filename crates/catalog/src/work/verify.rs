//! Verifications of backups.

use fail_points::Point;

use super::{backup_row, damage};
use crate::backups::{Backup, DRIVER, Status, VerifyResult};
use crate::jobs::{self, Job, JobEnd};
use crate::messages::{self, Action, Detail, NewMessage};
use crate::{BackupId, Catalog, Result, Time, transaction};

/// What a worker needs to verify a backup.
#[derive(Debug, Clone)]
pub struct VerifyWork {
    /// The backup.
    pub backup: Backup,
    /// Its `service_metadata`, or that of its parent where it has none (format spec 1.1).
    pub service_metadata: Option<String>,
    /// When this was read, by the database's clock.
    pub began: Time,
}

/// What reading a backup back has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is what was backed up.
    Sound,
    /// All of it can be read; there is nothing to compare it with.
    Readable,
    /// It is damaged, in this way.
    Damaged(&'a str),
}

impl Verdict<'_> {
    fn result(self) -> VerifyResult {
        match self {
            Self::Sound => VerifyResult::Sound,
            Self::Readable => VerifyResult::Readable,
            Self::Damaged(_) => VerifyResult::Damaged,
        }
    }
}

/// How many other backups may have to be looked for before a pool is taken for the wrong one …
const WITNESSES: i64 = 8;

/// … and among how many of the newest of all, and of its volume, they are chosen, each in an image of its own.
const NEWEST: i64 = 500;

/// Whether there is anything to read: the data of a backup in another status may not be all there.
fn is_complete(backup: &Backup) -> bool {
    backup.deleted_at.is_none() && matches!(backup.status, Status::Available | Status::Restoring)
}

impl Catalog {
    /// Reads where a backup is that is to be verified. `None` when it is gone, or neither available nor being restored.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin_verify(&self, id: BackupId) -> Result<Option<VerifyWork>> {
        let mut tx = self.pool.begin().await?; // rolled back: nothing is changed
        let Some(backup) = backup_row(&mut tx, id).await?.filter(is_complete) else { return Ok(None) };
        let (service_metadata, began): (Option<String>, Time) = sqlx::query_as(
            "SELECT COALESCE(b.service_metadata, p.service_metadata), now()
               FROM backups AS b LEFT JOIN backups AS p ON p.id = b.parent_id WHERE b.id = $1",
        )
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
        Ok(Some(VerifyWork { backup, service_metadata, began }))
    }

    /// Backups of ours in other images that should be in the pool `container` as well, the newest first, and only a few:
    /// where none of them is there, the pool may be the wrong one. Backups without a container are in `default_container`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn witnesses(
        &self,
        work: &VerifyWork,
        container: &str,
        default_container: &str,
    ) -> Result<Vec<BackupId>> {
        Ok(sqlx::query_scalar(
            // the newest of all first: with the other conditions Postgres would look through every backup for them
            "WITH candidates AS (
                 (SELECT id, created_at, container, service, service_metadata FROM backups
                   WHERE deleted_at IS NULL AND (project_id || '') IS NOT NULL AND status = 'available'
                   ORDER BY created_at DESC, id DESC LIMIT $6)
                 UNION
                 (SELECT id, created_at, container, service, service_metadata FROM backups
                   WHERE volume_id = $5 AND deleted_at IS NULL AND status = 'available'
                   ORDER BY created_at DESC LIMIT $6))
             SELECT id
               FROM (SELECT DISTINCT ON (service_metadata) id, created_at FROM candidates
                      WHERE COALESCE(NULLIF(container, ''), $2) = $1 AND starts_with($3, service)
                        AND service_metadata IS NOT NULL AND service_metadata IS DISTINCT FROM $4
                      ORDER BY service_metadata, created_at DESC) AS one_an_image
              ORDER BY created_at DESC, id DESC LIMIT $7",
        )
        .bind(container)
        .bind(default_container)
        .bind(DRIVER)
        .bind(&work.service_metadata)
        .bind(work.backup.volume_id)
        .bind(NEWEST)
        .bind(WITNESSES)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Records what a verification that `began` then has shown, and ends its job, if it was one. Returns whether it was
    /// recorded: of a backup that has since been deleted, or whose status was set to something else, nothing is. The
    /// `remarks` are told to the project of one that is not damaged.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_verify(
        &self,
        job: Option<&Job>,
        id: BackupId,
        began: Time,
        verdict: Verdict<'_>,
        remarks: &[Detail],
    ) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        if let Some(job) = job
            && !jobs::holds(&mut tx, job).await?
        {
            return Ok(true); // recorded by an earlier call whose answer was lost
        }
        let backup = backup_row(&mut tx, id).await?.filter(is_complete);
        match (&backup, verdict) {
            (None, _) => {}
            (Some(backup), Verdict::Damaged(why)) => {
                let request = job.and_then(|job| job.request_id.as_deref());
                damage::mark(&mut tx, backup, why, began, request).await?;
            }
            (Some(backup), Verdict::Sound | Verdict::Readable) => {
                sqlx::query(
                    // not over what somebody has found since: this may have read the place before it rotted
                    "UPDATE backups SET verified_at = now(), verify_asked_at = now(), verify_result = $2
                      WHERE id = $1 AND NOT (verify_result IS NOT DISTINCT FROM 'damaged' AND verified_at >= $3)",
                )
                .bind(id)
                .bind(verdict.result())
                .bind(began)
                .execute(&mut *tx)
                .await?;
                for remark in remarks {
                    let message = NewMessage {
                        project_id: backup.project_id.clone(),
                        request_id: job.and_then(|job| job.request_id.clone()),
                        resource_uuid: id.0,
                        action: Action::VerifyBackup,
                        detail: *remark,
                    };
                    messages::add(&mut tx, &message).await?;
                }
            }
        }
        if let Some(job) = job {
            jobs::end(&mut tx, job, JobEnd::Done).await?;
        }
        transaction::commit(Point::FinishVerify, tx).await?;
        Ok(backup.is_some())
    }
}
