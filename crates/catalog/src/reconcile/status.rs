//! Statuses that say that something is being done while no job does it (API spec 5.10).

use fail_points::Point;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::changing;
use crate::backups::Status;
use crate::jobs::{self, JobSpec};
use crate::messages::{self, Action, Detail, NewMessage};
use crate::text_enum::text_enum;
use crate::{BackupId, Catalog, ProjectId, Result, Time, VolumeId, transaction};

/// What the reference's clean-up gives as the reason.
const INCOMPLETE: &str = "incomplete backup reset on manager restart";

/// How a project is told of a backup whose data is gone.
pub(super) const DAMAGED: (Action, Detail) = (Action::VerifyBackup, Detail::BackupDamaged);

text_enum! {
    /// What has the status.
    Kind {
        /// A backup.
        Backup = "backup",
        /// A volume.
        Volume = "volume",
        /// A snapshot of a volume.
        Snapshot = "snapshot",
    }
}

/// A status that nobody will ever change.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct StaleStatus {
    /// What has it.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// Its volume, or itself.
    pub volume_id: VolumeId,
    /// Its project.
    pub project_id: ProjectId,
    /// The status.
    pub status: String,
    /// Since when nothing was done.
    pub changed_at: Time,
    /// Whether a job is in the queue that is older than that.
    pub young: bool,
    /// The volume that a backup was being restored to.
    restore_volume_id: Option<Uuid>,
    /// Whether a backup has a key of its own.
    encrypted: bool,
    /// Whether a backup was found to be damaged.
    damaged: bool,
}

/// Whether a job that may change `alias` is in the queue: one about it, about its backup, or about its volumes.
macro_rules! worked_on {
    ($target:expr, $keys:expr) => {
        concat!("EXISTS (SELECT 1 FROM active WHERE target_id = ", $target, " OR lock_keys && ", $keys, ")")
    };
}

macro_rules! active {
    () => {
        concat!(
            "WITH active AS MATERIALIZED (SELECT target_id, lock_keys, created_at FROM jobs WHERE ",
            changing!(),
            "), oldest AS (SELECT min(created_at) AS at FROM active) "
        )
    };
}

macro_rules! backup_keys {
    () => {
        "ARRAY['backup:' || b.id, 'chain:' || b.volume_id, 'volume:' || b.volume_id,
               'volume:' || COALESCE(b.restore_volume_id, b.volume_id)]"
    };
}

impl StaleStatus {
    /// What it is changed to.
    pub fn becomes(&self) -> &'static str {
        match (self.kind, self.status.as_str()) {
            (Kind::Backup, "restoring") if self.damaged => "error",
            (Kind::Backup, "restoring") | (Kind::Snapshot, "backing-up") => "available",
            (Kind::Backup, "deleting") if !self.encrypted => "deleting, by a new job",
            (Kind::Backup | Kind::Volume | Kind::Snapshot, "deleting") => "error_deleting",
            (Kind::Volume, "backing-up") => "what it was before",
            (Kind::Volume, "restoring-backup") => "error_restoring",
            (Kind::Volume, "extending") => "error_extending",
            _ => "error",
        }
    }
}

impl Catalog {
    /// The statuses that say that something is being done, of things that no job in the queue is about.
    ///
    /// # Errors
    /// The database failed.
    pub async fn stale_statuses(&self) -> Result<Vec<StaleStatus>> {
        Ok(sqlx::query_as(concat!(
            active!(),
            "SELECT kind, id, volume_id, project_id, status, changed_at, COALESCE(changed_at >= oldest.at, false) AS young,
                    restore_volume_id, encrypted, damaged
               FROM (
                 SELECT 'backup' AS kind, b.id, b.volume_id, b.project_id, b.status,
                        COALESCE(b.updated_at, b.created_at) AS changed_at, b.restore_volume_id,
                        b.encryption_key_id IS NOT NULL AS encrypted,
                        b.verify_result IS NOT DISTINCT FROM 'damaged' AS damaged
                   FROM backups AS b
                  WHERE b.status IN ('creating', 'deleting', 'restoring') AND b.deleted_at IS NULL
                    AND (b.project_id || '') IS NOT NULL AND NOT ",
            worked_on!(
                "b.id",
                backup_keys!()
            ),
            "  UNION ALL
                 SELECT 'volume', v.id, v.id, v.project_id, v.status, COALESCE(v.updated_at, v.created_at), NULL, false,
                        false
                   FROM volumes AS v
                  WHERE v.status IN ('creating', 'deleting', 'extending', 'backing-up', 'restoring-backup')
                    AND v.deleted_at IS NULL AND NOT ",
            worked_on!("v.id", "ARRAY['volume:' || v.id]"),
            "  UNION ALL
                 SELECT 'snapshot', s.id, s.volume_id, s.project_id, s.status, COALESCE(s.updated_at, s.created_at), NULL,
                        false, false
                   FROM snapshots AS s
                  WHERE s.status IN ('creating', 'deleting', 'backing-up') AND s.deleted_at IS NULL AND NOT ",
            worked_on!("s.id", "ARRAY['volume:' || s.volume_id]"),
            ") AS stale, oldest ORDER BY kind, changed_at, id"
        ))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Gives such a status its end. Returns whether it was done: not where somebody was faster.
    ///
    /// # Errors
    /// The database failed.
    pub async fn end_stale_status(&self, stale: &StaleStatus) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        // whoever begins something holds the row until its job can be seen
        let (lock, look) = match stale.kind {
            Kind::Backup => (
                "SELECT status FROM backups WHERE id = $1 AND deleted_at IS NULL FOR UPDATE",
                concat!(active!(), "SELECT ", worked_on!("b.id", backup_keys!()), " FROM backups AS b WHERE b.id = $1"),
            ),
            Kind::Volume => (
                "SELECT status FROM volumes WHERE id = $1 AND deleted_at IS NULL FOR UPDATE",
                concat!(
                    active!(),
                    "SELECT ",
                    worked_on!("v.id", "ARRAY['volume:' || v.id]"),
                    " FROM volumes AS v WHERE v.id = $1"
                ),
            ),
            Kind::Snapshot => (
                "SELECT status FROM snapshots WHERE id = $1 AND deleted_at IS NULL FOR UPDATE",
                concat!(
                    active!(),
                    "SELECT ",
                    worked_on!("s.id", "ARRAY['volume:' || s.volume_id]"),
                    " FROM snapshots AS s WHERE s.id = $1"
                ),
            ),
        };
        let status: Option<String> = sqlx::query_scalar(lock).bind(stale.id).fetch_optional(&mut *tx).await?;
        let worked_on: bool = sqlx::query_scalar(look).bind(stale.id).fetch_optional(&mut *tx).await?.unwrap_or(true);
        if status.as_deref() != Some(stale.status.as_str()) || worked_on {
            return Ok(false);
        }
        match stale.kind {
            Kind::Backup => end_backup(&mut tx, stale).await?,
            Kind::Volume => end_volume(&mut tx, stale.id, stale.status.as_str()).await?,
            Kind::Snapshot => end_snapshot(&mut tx, stale.id, stale.becomes()).await?,
        }
        transaction::commit(Point::EndStaleStatus, tx).await?;
        Ok(true)
    }
}

async fn end_backup(tx: &mut PgConnection, stale: &StaleStatus) -> Result<()> {
    let id = BackupId(stale.id);
    let project = &stale.project_id;
    match (stale.status.as_str(), stale.becomes()) {
        ("creating", _) => {
            set_backup(tx, id, Status::Error, Some(INCOMPLETE)).await?;
            let snapshot: Option<Uuid> = sqlx::query_scalar("SELECT snapshot_id FROM backups WHERE id = $1")
                .bind(id)
                .fetch_one(&mut *tx)
                .await?;
            match snapshot {
                Some(snapshot) => end_snapshot(tx, snapshot, "available").await?,
                None => end_volume(tx, stale.volume_id.0, "backing-up").await?,
            }
            tell(tx, project.clone(), id, (Action::CreateBackup, Detail::DriverCreateFailed)).await
        }
        ("restoring", _) => {
            release_backup(tx, id).await?;
            if let Some(target) = stale.restore_volume_id {
                end_volume(tx, target, "restoring-backup").await?;
            }
            tell(tx, project.clone(), id, (Action::RestoreBackup, Detail::DriverRestoreFailed)).await
        }
        (_, "error_deleting") => {
            set_backup(tx, id, Status::ErrorDeleting, None).await?;
            tell(tx, project.clone(), id, (Action::DeleteBackup, Detail::DriverDeleteFailed)).await
        }
        _ => {
            let spec = JobSpec::BackupDelete { backup: id, volume: stale.volume_id };
            jobs::enqueue(tx, &spec, project, None).await.map(drop)
        }
    }
}

/// The backup is what it was before its restore, unless it was found to be damaged, perhaps only a moment ago.
async fn release_backup(tx: &mut PgConnection, id: BackupId) -> Result<()> {
    sqlx::query(
        "UPDATE backups
            SET status = CASE WHEN verify_result = 'damaged' THEN $3 ELSE $2 END, updated_at = now()
          WHERE id = $1",
    )
    .bind(id)
    .bind(Status::Available)
    .bind(Status::Error)
    .execute(tx)
    .await?;
    Ok(())
}

async fn set_backup(tx: &mut PgConnection, id: BackupId, status: Status, why: Option<&str>) -> Result<()> {
    sqlx::query(
        "UPDATE backups SET status = $2, fail_reason = COALESCE($3, fail_reason), updated_at = now() WHERE id = $1",
    )
    .bind(id)
    .bind(status)
    .bind(why)
    .execute(tx)
    .await?;
    Ok(())
}

/// Leaves a volume in what follows from this status, if it still has it.
async fn end_volume(tx: &mut PgConnection, id: Uuid, status: &str) -> Result<()> {
    sqlx::query(
        "UPDATE volumes
            SET status = CASE status WHEN 'backing-up' THEN COALESCE(previous_status, 'available')
                                     WHEN 'restoring-backup' THEN 'error_restoring'
                                     WHEN 'deleting' THEN 'error_deleting'
                                     WHEN 'extending' THEN 'error_extending'
                                     ELSE 'error' END,
                previous_status = CASE status WHEN 'backing-up' THEN 'error_backing-up' ELSE previous_status END,
                updated_at = now()
          WHERE id = $1 AND status = $2 AND deleted_at IS NULL",
    )
    .bind(id)
    .bind(status)
    .execute(tx)
    .await?;
    Ok(())
}

async fn end_snapshot(tx: &mut PgConnection, id: Uuid, becomes: &str) -> Result<()> {
    sqlx::query(
        "UPDATE snapshots SET status = $2, updated_at = now()
          WHERE id = $1 AND status IN ('creating', 'deleting', 'backing-up') AND deleted_at IS NULL",
    )
    .bind(id)
    .bind(becomes)
    .execute(tx)
    .await?;
    Ok(())
}

/// Tells a backup's project what became of it.
pub(super) async fn tell(
    tx: &mut PgConnection,
    project_id: ProjectId,
    backup: BackupId,
    (action, detail): (Action, Detail),
) -> Result<()> {
    messages::add(tx, &NewMessage { project_id, request_id: None, resource_uuid: backup.0, action, detail }).await
}
