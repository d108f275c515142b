//! Creates, deletes and extends of volumes.

use fail_points::Point;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};

use super::{Asker, backup_row, restore_failed, volume_row};
use crate::jobs::{self, Job, JobEnd, JobSpec};
use crate::messages::Detail;
use crate::volumes::{self, Status, Volume};
use crate::{BackupId, Catalog, JobId, ProjectId, Result, SnapshotId, VolumeId, transaction};

/// Why a restore ended, for those who read that.
const RESET: &str = "the status of its volume was reset during the restore";

/// A restore onto a volume that waits or runs.
#[derive(FromRow)]
struct Restore {
    spec: Json<JobSpec>,
    project_id: ProjectId,
    request_id: Option<String>,
    cancel_requested: bool,
    /// No worker ever had it.
    untouched: bool,
}

impl Catalog {
    /// A live volume, for a job about it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volume_for_job(&self, id: VolumeId) -> Result<Option<Volume>> {
        let mut connection = self.pool.acquire().await?;
        volume_row(&mut connection, id).await
    }

    /// The volume that is to be removed. `None` when it is gone, or no longer `deleting` and nothing was removed of it.
    /// Where an earlier attempt may have begun (`begun`) the delete is seen through, but not of a volume that can be
    /// used: its status was set before the first attempt, for [`Catalog::reset_volume`] does not set such a one after that.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volume_to_remove(&self, id: VolumeId, begun: bool) -> Result<Option<Volume>> {
        let volume = self.volume_for_job(id).await?;
        Ok(volume.filter(|volume| volume.status == Status::Deleting || begun && volume.status.is_broken()))
    }

    /// Records that a volume is not deleted after all, nor are the snapshots that were to go with it.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn take_back_volume_delete(&self, job: &Job, id: VolumeId) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        if !another_waits(&mut tx, job, id).await? {
            snapshots_stay(&mut tx, id, false).await?;
        }
        jobs::end(&mut tx, job, JobEnd::Done).await?;
        transaction::commit(Point::EndJob, tx).await
    }

    /// The volume that is to be grown. `None` when it is gone, or no longer `extending` and its image is as it was.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volume_to_grow(&self, id: VolumeId, begun: bool) -> Result<Option<Volume>> {
        Ok(self.volume_for_job(id).await?.filter(|volume| begun || volume.status == Status::Extending))
    }

    /// The live snapshots of a volume, for a delete that takes them along.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshots_of_volume(&self, id: VolumeId) -> Result<Vec<SnapshotId>> {
        let rows: Vec<(SnapshotId,)> =
            sqlx::query_as("SELECT id FROM snapshots WHERE volume_id = $1 AND deleted_at IS NULL ORDER BY created_at")
                .bind(id)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Records that a volume's image was made.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_volume_create(&self, job: &Job, id: VolumeId) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "UPDATE volumes SET status = $2, launched_at = now(), updated_at = now() WHERE id = $1 AND status = $3",
        )
        .bind(id)
        .bind(Status::Available)
        .bind(Status::Creating)
        .execute(&mut *tx)
        .await?;
        jobs::end(&mut tx, job, JobEnd::Done).await?;
        transaction::commit(Point::FinishVolumeCreate, tx).await?;
        Ok(())
    }

    /// Records that a volume is gone, with its snapshots and attachments.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_volume_delete(&self, job: &Job, id: VolumeId) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        volumes::mark_deleted(&mut tx, id).await?;
        jobs::end(&mut tx, job, JobEnd::Done).await?;
        transaction::commit(Point::FinishVolumeDelete, tx).await?;
        Ok(())
    }

    /// Records that a volume's image was grown, which it was whatever the volume's status was set to meanwhile. It stays
    /// `extending` where another extend was accepted since: that job goes by it.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_volume_extend(
        &self,
        job: &Job,
        id: VolumeId,
        size_gib: i32,
        previous_status: &str,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        // the row's previous status is newer than the job's: the volume may have been detached since
        sqlx::query(
            "UPDATE volumes
                SET status = CASE WHEN status = $4 AND NOT $5 THEN COALESCE(previous_status, $2) ELSE status END,
                    size_gib = greatest(size_gib, $3), updated_at = now()
              WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(previous_status)
        .bind(size_gib)
        .bind(Status::Extending)
        .bind(another_waits(&mut tx, job, id).await?)
        .execute(&mut *tx)
        .await?;
        jobs::end(&mut tx, job, JobEnd::Done).await?;
        transaction::commit(Point::FinishVolumeExtend, tx).await?;
        Ok(())
    }

    /// Records that a job about a volume failed: `error`, `error_deleting` or `error_extending`, as it was
    /// being made, removed or grown. After a delete that is so whatever the status was set to meanwhile: a part of the
    /// volume may be gone. A status that is another job's stays: that job goes by it.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_volume(&self, job: &Job, id: VolumeId, why: &str) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let again = another_waits(&mut tx, job, id).await?;
        match job.spec {
            JobSpec::VolumeDelete { .. } => {
                let status = if again { Status::Deleting } else { Status::ErrorDeleting };
                if volume_row(&mut tx, id).await?.is_some() {
                    volumes::set_status(&mut tx, id, status).await?;
                    // also where the delete was asked for again, which may be taken back
                    snapshots_stay(&mut tx, id, true).await?;
                }
            }
            JobSpec::VolumeExtend { .. } if again => {}
            JobSpec::VolumeExtend { .. } => turn(&mut tx, id, Status::Extending, Status::ErrorExtending).await?,
            _ => {
                turn(&mut tx, id, Status::Creating, Status::Error).await?;
            }
        }
        jobs::end(&mut tx, job, JobEnd::Failed(why)).await?;
        transaction::commit(Point::FailVolume, tx).await?;
        Ok(())
    }

    /// Cancels what is being restored onto a volume of another status than this, as part of the caller's transaction, which
    /// is about to set it. A restore that no worker ever had has ended with that. Returns whether the volume's image
    /// was still to be made by one: then there may be none.
    ///
    /// To be called before the volume is locked: backups, then volumes, then the job is the order of whoever records
    /// a restore's end.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn cancel_restores(tx: &mut PgConnection, volume: VolumeId, status: Status) -> Result<bool> {
        let found: Vec<(JobId, BackupId)> = sqlx::query_as(
            "SELECT j.id, j.target_id FROM jobs AS j JOIN volumes AS v ON v.id = $1
              WHERE j.kind = 'backup_restore' AND j.state IN ('ready', 'running') AND j.spec->>'volume' = $1::text
                AND v.status <> $2
              ORDER BY j.target_id",
        )
        .bind(volume)
        .bind(status)
        .fetch_all(&mut *tx)
        .await?;
        let mut unmade = false;
        for (id, backup) in found {
            let Some(backup) = backup_row(&mut *tx, backup).await? else { continue };
            let restore: Option<Restore> = sqlx::query_as(
                "SELECT spec, project_id, request_id, cancel_requested, state = 'ready' AND attempt = 0 AS untouched
                   FROM jobs WHERE id = $1 AND state IN ('ready', 'running')
                    FOR UPDATE",
            )
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(restore) = restore else { continue };
            unmade |= matches!(restore.spec.0, JobSpec::BackupRestore { new_volume: true, .. });
            // one that was asked to stop is perhaps no longer the only one of its backup
            if !restore.cancel_requested {
                jobs::request_cancel(&mut *tx, backup.id, Some(RESET)).await?;
            }
            if restore.untouched {
                let asker = Asker { project_id: &restore.project_id, request_id: restore.request_id.as_deref() };
                restore_failed(&mut *tx, &asker, &backup, volume, Detail::Cancelled).await?;
                jobs::drop_untouched(&mut *tx, id, RESET).await?;
            }
        }
        Ok(unmade)
    }
}

/// The snapshots that were to go with a volume do not: they become what they were, or `error_deleting` where a part of
/// them may be gone. Those that have a job of their own go by that.
async fn snapshots_stay(tx: &mut PgConnection, id: VolumeId, begun: bool) -> Result<()> {
    sqlx::query(
        // one that was never made does not become usable
        "UPDATE snapshots AS s
            SET status = CASE WHEN $2 THEN 'error_deleting' WHEN progress = '100%' THEN 'available' ELSE 'error' END,
                updated_at = now()
          WHERE volume_id = $1 AND status = 'deleting' AND deleted_at IS NULL
            AND EXISTS (SELECT 1 FROM volumes WHERE id = $1 AND deleted_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM jobs WHERE target_id = s.id AND kind = 'snapshot_delete'
                                                  AND state IN ('ready', 'running'))",
    )
    .bind(id)
    .bind(begun)
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether the same was asked of the volume once more, by force or after an administrator had set its status back.
/// Locks the volume until the transaction ends, so that nothing is asked of it meanwhile.
async fn another_waits(tx: &mut PgConnection, job: &Job, id: VolumeId) -> Result<bool> {
    volume_row(tx, id).await?;
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM jobs
                         WHERE target_id = $1 AND kind = $2 AND id <> $3 AND state IN ('ready', 'running'))",
    )
    .bind(id)
    .bind(job.spec.kind())
    .bind(job.id)
    .fetch_one(tx)
    .await?)
}

async fn turn(tx: &mut PgConnection, id: VolumeId, from: Status, to: Status) -> Result<()> {
    sqlx::query(
        "UPDATE volumes SET status = $3, updated_at = now() WHERE id = $1 AND status = $2 AND deleted_at IS NULL",
    )
    .bind(id)
    .bind(from)
    .bind(to)
    .execute(tx)
    .await?;
    Ok(())
}
