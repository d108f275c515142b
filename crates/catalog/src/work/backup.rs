//! Creates of backups.

use fail_points::Point;
use sqlx::{FromRow, PgConnection};

use super::{Asker, Worker, backup_row, damage, reason, trim, volume_row};
use crate::backups::{Backup, Status};
use crate::jobs::{self, Job, JobEnd};
use crate::messages::{self, Action, Detail};
use crate::volumes::{self, Volume};
use crate::{BackupId, Catalog, Result, SnapshotId, VolumeId, snapshots, transaction};

/// What a worker needs to make a backup.
#[derive(Debug, Clone)]
pub struct BackupWork {
    /// The backup, with `container`, `host`, `service` and zone filled in.
    pub backup: Backup,
    /// Its volume; `None` when the row is gone.
    pub volume: Option<Volume>,
    /// Whether what is backed up is still `backing-up`: the volume, or the snapshot.
    pub source_ready: bool,
    /// Backups that may be the parent, best first; empty for a full backup.
    pub parents: Vec<Parent>,
    /// For an increment, where an earlier attempt may have put it: the `service_metadata` of every backup that may
    /// have been its parent since it was asked for, also of those that were deleted since.
    pub places: Vec<String>,
}

/// A backup that may be the parent of an increment.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Parent {
    /// Its id.
    pub id: BackupId,
    /// Its `service_metadata`, or that of its own parent where it has none (format spec 1.1).
    pub service_metadata: Option<String>,
    /// The snapshot that it was made of.
    pub snapshot_id: Option<SnapshotId>,
    /// Whether it was made with checksums.
    pub checksums: bool,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupOutcome {
    /// The base image.
    pub base: String,
    /// The parent; `None` for a full backup.
    pub parent: Option<BackupId>,
    /// Whether the volume keeps only what the next increment needs: then what older backups have left on it goes.
    pub trim: bool,
    /// Whether it has checksums: from then on it is damaged without.
    pub checksums: bool,
    /// Backups of the volume that may be damaged: they are verified next.
    pub suspects: Vec<BackupId>,
}

impl Catalog {
    /// Reads what a backup is to be made of, and records who makes it and where it goes before a byte is
    /// moved. `None` when the backup is gone or no longer `creating`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin_backup(
        &self,
        id: BackupId,
        incremental: bool,
        default_container: &str,
        worker: &Worker,
    ) -> Result<Option<BackupWork>> {
        let mut tx = self.pool.begin().await?;
        let taken = sqlx::query(
            "UPDATE backups
                SET container = COALESCE(NULLIF(container, ''), $3), host = $4, service = $5,
                    availability_zone = COALESCE(NULLIF(availability_zone, ''), $6), updated_at = now()
              WHERE id = $1 AND status = $2 AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(Status::Creating)
        .bind(default_container)
        .bind(&worker.host)
        .bind(&worker.service)
        .bind(&worker.zone)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if taken == 0 {
            return Ok(None);
        }
        let Some(backup) = backup_row(&mut tx, id).await? else { return Ok(None) };
        let volume = volume_row(&mut tx, backup.volume_id).await?;
        let source_ready = match backup.snapshot_id {
            None => volume.as_ref().is_some_and(|volume| volume.status == volumes::Status::BackingUp),
            Some(snapshot) => snapshot_status(&mut tx, snapshot).await? == Some(snapshots::Status::BackingUp),
        };
        let (parents, places) = if incremental {
            (parents_of(&mut tx, &backup).await?, places_of(&mut tx, &backup).await?)
        } else {
            (Vec::new(), Vec::new())
        };
        if parents.is_empty() {
            // known from here on, so that a backup of ours that fails is never looked for in an image that an
            // old release may have made (format spec 5.5)
            sqlx::query("UPDATE backups SET service_metadata = $2 WHERE id = $1")
                .bind(id)
                .bind(service_metadata(&own_base(&backup)))
                .execute(&mut *tx)
                .await?;
        }
        transaction::commit(Point::BeginBackup, tx).await?;
        Ok(Some(BackupWork { backup, volume, source_ready, parents, places }))
    }

    /// Records that a backup was made. Returns whether it was recorded: `false` when the row was changed or the job
    /// cancelled in the meantime, so that what was made must be removed again; the job is then still held.
    ///
    /// `forced_full` says that the user asked for an increment and got a full backup, which is told.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_backup(
        &self,
        job: &Job,
        id: BackupId,
        outcome: &BackupOutcome,
        forced_full: bool,
    ) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        if !jobs::holds(&mut tx, job).await? {
            return Ok(true); // recorded by an earlier call whose answer was lost
        }
        let Some(backup) = backup_row(&mut tx, id).await? else { return Ok(false) };
        if backup.status != Status::Creating || jobs::is_cancelled(&mut tx, job).await? {
            return Ok(false);
        }
        damage::one_at_a_time(&mut tx, backup.volume_id).await?;
        sqlx::query(
            "UPDATE backups
                SET status = $2, service_metadata = $3, parent_id = $4, checksums = $5, fail_reason = NULL,
                    completed_at = now(), updated_at = now()
              WHERE id = $1",
        )
        .bind(id)
        .bind(Status::Available)
        .bind(service_metadata(&outcome.base))
        .bind(outcome.parent)
        .bind(outcome.checksums)
        .execute(&mut *tx)
        .await?;
        release_source(&mut tx, &backup, volumes::Status::BackingUp).await?;
        if forced_full {
            messages::add(&mut tx, &backup_message(job, id, Action::CreateBackup, Detail::IncrementalForcedFull))
                .await?;
        }
        for suspect in &outcome.suspects {
            damage::suspect(&mut tx, *suspect, job.request_id.as_deref()).await?;
        }
        // whoever found the damage meanwhile passed over what was still being made
        if outcome.base != own_base(&backup) && damage::may_be_shared(&mut tx, &backup, outcome.parent).await? {
            damage::suspect(&mut tx, id, job.request_id.as_deref()).await?;
        }
        if outcome.trim {
            trim::enqueue(&mut tx, &backup, job.request_id.as_deref()).await?;
        }
        jobs::end(&mut tx, job, JobEnd::Done).await?;
        transaction::commit(Point::FinishBackup, tx).await?;
        Ok(true)
    }

    /// Records that a backup could not be made, and gives its volume or snapshot back.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_backup(&self, job: &Job, id: BackupId, detail: Detail, why: &str) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        if let Some(backup) = backup_row(&mut tx, id).await? {
            backup_failed(&mut tx, &Asker::of(job), &backup, detail, why).await?;
        }
        jobs::end(&mut tx, job, JobEnd::Failed(why)).await?;
        transaction::commit(Point::FailBackup, tx).await?;
        Ok(())
    }
}

/// A backup could not be made; its volume or snapshot is given back.
pub(crate) async fn backup_failed(
    tx: &mut PgConnection,
    asker: &Asker<'_>,
    backup: &Backup,
    detail: Detail,
    why: &str,
) -> Result<()> {
    // `available` can only be an administrator's reset: the data was never there
    if matches!(backup.status, Status::Creating | Status::Available) {
        sqlx::query("UPDATE backups SET status = $2, fail_reason = $3, updated_at = now() WHERE id = $1")
            .bind(backup.id)
            .bind(Status::Error)
            .bind(reason(why))
            .execute(&mut *tx)
            .await?;
        messages::add(tx, &message(asker, backup.id, Action::CreateBackup, detail)).await?;
    }
    release_source(tx, backup, volumes::Status::ErrorBackingUp).await
}

/// The base of a full backup: no other backup has a part in its objects when it is made.
fn own_base(backup: &Backup) -> String {
    format!("volume-{}.backup.{}", backup.volume_id, backup.id)
}

/// `service_metadata` exactly as Cinder writes it (format spec 1.1).
fn service_metadata(base: &str) -> String {
    // an image's name has no character that JSON would have to escape
    format!("{{\"base\": \"{base}\"}}")
}

pub(super) fn backup_message(job: &Job, id: BackupId, action: Action, detail: Detail) -> messages::NewMessage {
    message(&Asker::of(job), id, action, detail)
}

pub(super) fn message(asker: &Asker<'_>, id: BackupId, action: Action, detail: Detail) -> messages::NewMessage {
    messages::NewMessage {
        project_id: asker.project_id.clone(),
        request_id: asker.request_id.map(str::to_owned),
        resource_uuid: id.0,
        action,
        detail,
    }
}

/// Gives the volume or the snapshot back to what it was before the backup (API spec 5.2).
async fn release_source(tx: &mut PgConnection, backup: &Backup, ended: volumes::Status) -> Result<()> {
    match backup.snapshot_id {
        None => release_volume(tx, backup.volume_id, ended).await,
        Some(snapshot) => release_snapshot(tx, snapshot).await,
    }
}

async fn release_volume(tx: &mut PgConnection, id: VolumeId, ended: volumes::Status) -> Result<()> {
    sqlx::query(
        "UPDATE volumes
            SET status = COALESCE(previous_status, 'available'), previous_status = $2, updated_at = now()
          WHERE id = $1 AND status = 'backing-up' AND deleted_at IS NULL",
    )
    .bind(id)
    .bind(ended)
    .execute(tx)
    .await?;
    Ok(())
}

async fn release_snapshot(tx: &mut PgConnection, id: SnapshotId) -> Result<()> {
    sqlx::query(
        "UPDATE snapshots SET status = 'available', updated_at = now()
          WHERE id = $1 AND status = 'backing-up' AND deleted_at IS NULL",
    )
    .bind(id)
    .execute(tx)
    .await?;
    Ok(())
}

async fn snapshot_status(tx: &mut PgConnection, id: SnapshotId) -> Result<Option<snapshots::Status>> {
    let row: Option<(snapshots::Status,)> =
        sqlx::query_as("SELECT status FROM snapshots WHERE id = $1 AND deleted_at IS NULL")
            .bind(id)
            .fetch_optional(tx)
            .await?;
    Ok(row.map(|(status,)| status))
}

/// The candidates, the one that the API chose first, then the newest (format spec 6.3). Only those in the
/// same container: an increment lives in its parent's image. One that is being restored may be known to be damaged.
async fn parents_of(tx: &mut PgConnection, backup: &Backup) -> Result<Vec<Parent>> {
    Ok(sqlx::query_as(
        "SELECT b.id, COALESCE(b.service_metadata, p.service_metadata) AS service_metadata, b.snapshot_id, b.checksums
           FROM backups AS b
           LEFT JOIN backups AS p ON p.id = b.parent_id
          WHERE b.volume_id = $1 AND b.project_id = $2 AND b.container = $3 AND b.id <> $4
            AND b.status IN ('available', 'restoring') AND b.deleted_at IS NULL
            AND b.verify_result IS DISTINCT FROM 'damaged'
          ORDER BY b.id = $5 DESC NULLS LAST, b.data_timestamp DESC NULLS LAST, b.created_at DESC",
    )
    .bind(backup.volume_id)
    .bind(&backup.project_id)
    .bind(&backup.container)
    .bind(backup.id)
    .bind(backup.parent_id)
    .fetch_all(tx)
    .await?)
}

/// The `service_metadata` of the backups in whose images an attempt at this one may have made its restore point: of
/// all that may have been its parent at any time since it was asked for. One that was deleted between two attempts is
/// no candidate any more, and its image may hold what the first attempt has committed.
pub(super) async fn places_of(tx: &mut PgConnection, backup: &Backup) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "SELECT DISTINCT COALESCE(b.service_metadata, p.service_metadata) AS place
           FROM (SELECT * FROM backups WHERE volume_id = $1 AND deleted_at IS NULL
                 UNION ALL
                 SELECT * FROM backups WHERE volume_id = $1 AND deleted_at >= $4) AS b
           LEFT JOIN backups AS p ON p.id = b.parent_id
          WHERE b.container IS NOT DISTINCT FROM $2 AND b.id <> $3
            AND COALESCE(b.service_metadata, p.service_metadata) IS NOT NULL
          ORDER BY place",
    )
    .bind(backup.volume_id)
    .bind(&backup.container)
    .bind(backup.id)
    .bind(backup.created_at)
    .fetch_all(&mut *tx)
    .await?)
}
