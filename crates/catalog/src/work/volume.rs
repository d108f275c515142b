//! Creates, deletes and extends of volumes.

use fail_points::Point;
use sqlx::PgConnection;

use super::volume_row;
use crate::jobs::{self, Job, JobEnd};
use crate::volumes::{self, Status, Volume};
use crate::{Catalog, Result, SnapshotId, VolumeId, transaction};

impl Catalog {
    /// A live volume, for a job about it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volume_for_job(&self, id: VolumeId) -> Result<Option<Volume>> {
        let mut connection = self.pool.acquire().await?;
        volume_row(&mut connection, id).await
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

    /// Records that a volume's image was grown.
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
            "UPDATE volumes SET status = COALESCE(previous_status, $2), size_gib = $3, updated_at = now()
              WHERE id = $1 AND status = $4",
        )
        .bind(id)
        .bind(previous_status)
        .bind(size_gib)
        .bind(Status::Extending)
        .execute(&mut *tx)
        .await?;
        jobs::end(&mut tx, job, JobEnd::Done).await?;
        transaction::commit(Point::FinishVolumeExtend, tx).await?;
        Ok(())
    }

    /// Records that a job about a volume failed: `error`, `error_deleting` or `error_extending`, as it was
    /// being made, removed or grown.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_volume(&self, job: &Job, id: VolumeId, why: &str) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        for (from, to) in [
            (Status::Creating, Status::Error),
            (Status::Deleting, Status::ErrorDeleting),
            (Status::Extending, Status::ErrorExtending),
        ] {
            turn(&mut tx, id, from, to).await?;
        }
        jobs::end(&mut tx, job, JobEnd::Failed(why)).await?;
        transaction::commit(Point::FailVolume, tx).await?;
        Ok(())
    }
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
