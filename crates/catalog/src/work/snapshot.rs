//! Creates and deletes of volume snapshots.

use fail_points::Point;

use crate::jobs::{self, Job, JobEnd};
use crate::{Catalog, Result, SnapshotId, transaction};

impl Catalog {
    /// Records that a snapshot was made.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_snapshot_create(&self, job: &Job, id: SnapshotId) -> Result<()> {
        self.end_snapshot(job, id, "creating", "available", Some("100%"), JobEnd::Done).await
    }

    /// Records that a snapshot is gone.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_snapshot_delete(&self, job: &Job, id: SnapshotId) -> Result<()> {
        self.end_snapshot(job, id, "deleting", "deleted", None, JobEnd::Done).await
    }

    /// Records that a snapshot could not be made.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_snapshot_create(&self, job: &Job, id: SnapshotId, why: &str) -> Result<()> {
        self.end_snapshot(job, id, "creating", "error", None, JobEnd::Failed(why)).await
    }

    /// Records that a snapshot could not be removed.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_snapshot_delete(&self, job: &Job, id: SnapshotId, why: &str) -> Result<()> {
        self.end_snapshot(job, id, "deleting", "error_deleting", None, JobEnd::Failed(why)).await
    }

    async fn end_snapshot(
        &self,
        job: &Job,
        id: SnapshotId,
        from: &str,
        to: &str,
        progress: Option<&str>,
        how: JobEnd<'_>,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "UPDATE snapshots
                SET status = $3, progress = COALESCE($4, progress), updated_at = now(),
                    deleted_at = CASE WHEN $3 = 'deleted' THEN now() END
              WHERE id = $1 AND status = $2 AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(from)
        .bind(to)
        .bind(progress)
        .execute(&mut *tx)
        .await?;
        jobs::end(&mut tx, job, how).await?;
        transaction::commit(Point::EndSnapshot, tx).await?;
        Ok(())
    }
}
