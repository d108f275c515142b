//! Deleting a volume (API spec 11.1).

use sqlx::PgConnection;

use super::Status;
use super::record::{lock_in, set_status};
use crate::jobs::{self, JobSpec};
use crate::page::Scope;
use crate::{Catalog, Result, VolumeId, transfers};

/// The statuses from which a volume may be deleted without force.
const DELETABLE: &[Status] =
    &[Status::Available, Status::Error, Status::ErrorRestoring, Status::ErrorExtending, Status::ErrorManaging];

/// How a volume is to be deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deletion {
    /// Delete its snapshots with it.
    pub cascade: bool,
    /// Whatever its status is. Attachments and snapshots still stand in the way.
    pub force: bool,
}

/// Why a volume was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeleteRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// Its status, an attachment, a migration or a snapshot stands in the way.
    #[error("its status, an attachment, a migration or a snapshot stands in the way")]
    Busy,
}

impl Catalog {
    /// Marks a volume `deleting`, with `cascade` its snapshots too, and queues the job that removes the image.
    /// A volume that never had a place has no image, and is gone at once. Its backups stay.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_volume(
        &self,
        id: VolumeId,
        scope: &Scope,
        how: Deletion,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<(), DeleteRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(DeleteRejected::NotFound)) };
        let migrating = volume.migration_status.as_deref().is_some_and(|status| !matches!(status, "error" | "success"));
        if !how.force && !DELETABLE.contains(&volume.status) || migrating {
            return Ok(Err(DeleteRejected::Busy));
        }
        let snapshots_gone = if how.cascade {
            mark_snapshots(&mut tx, id, scope, how.force).await?
        } else {
            without_snapshots(&mut tx, id).await?
        };
        if !snapshots_gone || attached(&mut tx, id).await? {
            return Ok(Err(DeleteRejected::Busy));
        }
        transfers::end(&mut tx, id).await?;
        if volume.host.is_some() {
            set_status(&mut tx, id, Status::Deleting).await?;
            let job = JobSpec::VolumeDelete { volume: id, cascade: how.cascade };
            jobs::enqueue(&mut tx, &job, &volume.project_id, request_id).await?;
        } else {
            mark_deleted(&mut tx, id).await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }
}

async fn attached(tx: &mut PgConnection, id: VolumeId) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM attachments
                         WHERE volume_id = $1 AND detached_at IS NULL AND status = 'attached')",
    )
    .bind(id)
    .fetch_one(tx)
    .await?)
}

async fn without_snapshots(tx: &mut PgConnection, id: VolumeId) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM snapshots WHERE volume_id = $1 AND deleted_at IS NULL)")
        .bind(id)
        .fetch_one(tx)
        .await?)
}

/// Marks all snapshots of a volume `deleting`; `false` when one of them is busy, or out of the scope. Those that may be half
/// gone stay `error_deleting`: they would be taken for whole if the delete were taken back.
async fn mark_snapshots(tx: &mut PgConnection, id: VolumeId, scope: &Scope, force: bool) -> Result<bool> {
    sqlx::query(
        "UPDATE snapshots SET status = 'deleting', updated_at = now()
          WHERE volume_id = $1 AND deleted_at IS NULL
            AND ($3 OR status IN ('available', 'error', 'deleting')) AND status <> 'error_deleting'
            AND ($2::text IS NULL OR project_id = $2)",
    )
    .bind(id)
    .bind(scope.project())
    .bind(force)
    .execute(&mut *tx)
    .await?;
    Ok(sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM snapshots
                             WHERE volume_id = $1 AND deleted_at IS NULL AND status <> 'deleting'
                               AND (status <> 'error_deleting' OR $2::text IS NOT NULL AND project_id <> $2))",
    )
    .bind(id)
    .bind(scope.project())
    .fetch_one(tx)
    .await?)
}

/// Marks a volume without an image, its snapshots and its attachments as gone.
pub(crate) async fn mark_deleted(tx: &mut PgConnection, id: VolumeId) -> Result<()> {
    sqlx::query(
        "UPDATE snapshots SET status = 'deleted', deleted_at = now(), updated_at = now()
          WHERE volume_id = $1 AND deleted_at IS NULL",
    )
    .bind(id)
    .execute(&mut *tx)
    .await?;
    sqlx::query("UPDATE attachments SET detached_at = now() WHERE volume_id = $1 AND detached_at IS NULL")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "UPDATE volumes SET status = $2, deleted_at = now(), updated_at = now()
          WHERE id = $1 AND deleted_at IS NULL",
    )
    .bind(id)
    .bind(Status::Deleted)
    .execute(tx)
    .await?;
    Ok(())
}
