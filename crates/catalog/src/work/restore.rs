//! Restores of backups.

use fail_points::Point;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::backup::message;
use super::{Asker, backup_row, damage, volume_row};
use crate::backups::{Backup, Status};
use crate::jobs::{self, Job, JobEnd};
use crate::messages::{self, Action, Detail};
use crate::volumes::{self, Volume};
use crate::{BackupId, Catalog, Metadata, Result, Time, VolumeId, transaction};

/// The user's key that names the backup a volume was restored from (API spec 5.6).
const SOURCE_KEY: &str = "src_backup_id";

/// The name that a volume gets which is made for a restore, before the id (API spec 5.6).
const RESTORE_NAME: &str = "restore_backup_";

/// What a worker needs to restore a backup.
#[derive(Debug, Clone)]
pub struct RestoreWork {
    /// The backup.
    pub backup: Backup,
    /// Its `service_metadata`, or that of its parent where it has none (format spec 1.1).
    pub service_metadata: Option<String>,
    /// The volume to write; `None` when it is gone or may not be written: it is not `restoring-backup`, nor
    /// `creating` for this restore.
    pub volume: Option<Volume>,
}

/// What a backup's metadata object says about the volume (format spec 4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestoredMetadata {
    /// The source volume's name.
    pub name: Option<String>,
    /// The source volume's description.
    pub description: Option<String>,
    /// The user's metadata; replaces the volume's where there is any.
    pub metadata: Option<Metadata>,
    /// What was known of the image the source was made from.
    pub image_metadata: Option<Metadata>,
    /// Whether it is there and can not be read: then nothing of it comes back, which the project is told.
    pub unreadable: bool,
}

impl Catalog {
    /// Reads what is to be restored. `None` when the backup is gone or no longer `restoring` to this volume.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin_restore(&self, id: BackupId, volume: VolumeId) -> Result<Option<RestoreWork>> {
        let mut tx = self.pool.begin().await?;
        let Some(backup) = backup_row(&mut tx, id).await? else { return Ok(None) };
        if !is_restored_to(&backup, volume) {
            return Ok(None);
        }
        let (service_metadata,): (Option<String>,) = sqlx::query_as(
            "SELECT COALESCE(b.service_metadata, p.service_metadata)
               FROM backups AS b LEFT JOIN backups AS p ON p.id = b.parent_id WHERE b.id = $1",
        )
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
        let volume = volume_row(&mut tx, volume)
            .await?
            .filter(|volume| matches!(volume.status, volumes::Status::RestoringBackup | volumes::Status::Creating));
        transaction::commit(Point::BeginRestore, tx).await?;
        Ok(Some(RestoreWork { backup, service_metadata, volume }))
    }

    /// Records that a restore was done: the backup and the volume are available, and the volume carries what
    /// the backup says about its source. A restore whose backup's status was changed meanwhile counts as
    /// cancelled: the volume becomes `error`, the backup is available again (API spec 5.2).
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_restore(
        &self,
        job: &Job,
        id: BackupId,
        volume: VolumeId,
        restored: &RestoredMetadata,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let backup = backup_row(&mut tx, id).await?.filter(|backup| is_restored_to(backup, volume));
        release_backup(&mut tx, id, volume).await?;
        let Some(backup) = backup else {
            leave_volume(&mut tx, volume, volumes::Status::Error).await?;
            jobs::end(&mut tx, job, JobEnd::Failed("the backup's status was changed during the restore")).await?;
            transaction::commit(Point::FinishUnwantedRestore, tx).await?;
            return Ok(());
        };
        if let Some(row) = volume_row(&mut tx, volume).await? {
            let target = apply(&backup, &row, restored);
            sqlx::query(
                "UPDATE volumes
                    SET status = 'available', name = $2, description = $3, metadata = $4, image_metadata = $5,
                        bootable = $6, launched_at = COALESCE(launched_at, now()), updated_at = now()
                  WHERE id = $1 AND status IN ('restoring-backup', 'creating')",
            )
            .bind(volume)
            .bind(&target.name)
            .bind(&target.description)
            .bind(Json(&target.metadata))
            .bind(Json(&target.image_metadata))
            .bind(target.bootable)
            .execute(&mut *tx)
            .await?;
        }
        if restored.unreadable {
            let detail = Detail::MetadataUnreadable;
            messages::add(&mut tx, &message(&Asker::of(job), id, Action::RestoreBackup, detail)).await?;
        }
        jobs::end(&mut tx, job, JobEnd::Done).await?;
        transaction::commit(Point::FinishRestore, tx).await?;
        Ok(())
    }

    /// Records that a restore failed: the backup is not damaged by that and is available again, the volume's
    /// content is undefined and its status says so: `error_restoring`, or `error` where the backup's status was reset
    /// or the backup is another driver's (API spec 5.2, 5.6). Where it failed because the backup is `damaged`, that is
    /// marked as a verification marks it.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_restore(
        &self,
        job: &Job,
        id: BackupId,
        volume: VolumeId,
        detail: Detail,
        why: &str,
        damaged: bool,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        if let Some(backup) = backup_row(&mut tx, id).await? {
            let tried = is_restored_to(&backup, volume) && backup.must_be_ours().is_ok();
            if tried && damaged {
                let (now,): (Time,) = sqlx::query_as("SELECT now()").fetch_one(&mut *tx).await?;
                damage::mark(&mut tx, &backup, why, now, job.request_id.as_deref()).await?;
            }
            restore_failed(&mut tx, &Asker::of(job), &backup, volume, detail).await?;
        }
        jobs::end(&mut tx, job, JobEnd::Failed(why)).await?;
        transaction::commit(Point::FailRestore, tx).await?;
        Ok(())
    }
}

/// A restore of this backup to this volume did not succeed.
pub(crate) async fn restore_failed(
    tx: &mut PgConnection,
    asker: &Asker<'_>,
    backup: &Backup,
    volume: VolumeId,
    detail: Detail,
) -> Result<()> {
    let tried = is_restored_to(backup, volume) && backup.must_be_ours().is_ok();
    release_backup(tx, backup.id, volume).await?;
    let left = if tried { volumes::Status::ErrorRestoring } else { volumes::Status::Error };
    leave_volume(tx, volume, left).await?;
    messages::add(tx, &message(asker, backup.id, Action::RestoreBackup, detail)).await
}

/// Whether this restore is still wanted. A backup whose status was reset may be restored to another volume by now.
fn is_restored_to(backup: &Backup, volume: VolumeId) -> bool {
    backup.status == Status::Restoring && backup.restore_volume_id == Some(volume)
}

/// The backup is available again after its restore to this volume, however that ended: nothing was written to it;
/// unless it was found to be damaged meanwhile. `error` can only be an administrator's reset, which is what cancels a restore.
async fn release_backup(tx: &mut PgConnection, id: BackupId, volume: VolumeId) -> Result<()> {
    sqlx::query(
        "UPDATE backups
            SET status = CASE WHEN verify_result = 'damaged' THEN $5 ELSE $3 END, updated_at = now()
          WHERE id = $1 AND restore_volume_id = $2 AND status = ANY($4) AND deleted_at IS NULL",
    )
    .bind(id)
    .bind(volume)
    .bind(Status::Available)
    .bind([Status::Restoring, Status::Error])
    .bind(Status::Error)
    .execute(tx)
    .await?;
    Ok(())
}

/// Leaves a volume that was not restored in this status; one that was being made for it has no content to lose.
async fn leave_volume(tx: &mut PgConnection, id: VolumeId, left: volumes::Status) -> Result<()> {
    sqlx::query(
        "UPDATE volumes SET status = CASE WHEN status = $3 THEN $4 ELSE $2 END, updated_at = now()
          WHERE id = $1 AND status = ANY($5) AND deleted_at IS NULL",
    )
    .bind(id)
    .bind(left)
    .bind(volumes::Status::Creating)
    .bind(volumes::Status::Error)
    .bind([volumes::Status::RestoringBackup, volumes::Status::Creating])
    .execute(tx)
    .await?;
    Ok(())
}

/// The volume as it is after the restore.
struct Target {
    name: Option<String>,
    description: Option<String>,
    metadata: Metadata,
    image_metadata: Metadata,
    bootable: bool,
}

fn apply(backup: &Backup, volume: &Volume, restored: &RestoredMetadata) -> Target {
    let mut target = Target {
        name: volume.name.clone(),
        description: volume.description.clone(),
        metadata: volume.metadata.clone(),
        image_metadata: volume.image_metadata.clone(),
        bootable: volume.bootable,
    };
    // a name that a user gave is kept (format spec 4, name rule)
    let unnamed = volume.name.as_deref().is_none_or(|name| name.is_empty() || name.starts_with(RESTORE_NAME));
    if let Some(name) = restored.name.as_ref().filter(|name| unnamed && !name.is_empty()) {
        target.name = Some(name.clone());
        target.description.clone_from(&restored.description);
    }
    if let Some(metadata) = &restored.metadata {
        target.metadata.clone_from(metadata);
    }
    if let Some(image_metadata) = &restored.image_metadata {
        target.image_metadata.clone_from(image_metadata);
        target.bootable = true;
    }
    let elsewhere = volume.id != backup.volume_id;
    let id = backup.id.to_string();
    if elsewhere || target.metadata.get(SOURCE_KEY).is_some_and(|source| *source != id) {
        target.metadata.insert(SOURCE_KEY.to_owned(), id);
    }
    target
}
