//! Creates and deletes of volume snapshots.

use fail_points::Point;

use crate::jobs::{self, Job, JobEnd};
use crate::page::Scope;
use crate::snapshots::{self, Snapshot, Status};
use crate::{Catalog, Result, SnapshotId, transaction};

/// What a snapshot is that is being made: somebody may have reported it as `available` (`os-update_snapshot_status`).
const MADE: &[Status] = &[Status::Creating, Status::Available];

impl Catalog {
    /// The snapshot that is to be made. `None` when it is gone or is to go: by force a snapshot is deleted before it was
    /// made. One whose status was set to another is made all the same, since otherwise there is nothing behind it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshot_to_make(&self, id: SnapshotId) -> Result<Option<Snapshot>> {
        let snapshot = self.snapshot(id, &Scope::Every).await?;
        Ok(snapshot.filter(|snapshot| snapshot.status != Status::Deleting))
    }

    /// The snapshot that is to be removed, as with volumes: `None` when it is gone, or no longer `deleting` and nothing
    /// was removed of it; where an earlier attempt may have begun (`begun`) only one that can be used is left alone.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshot_to_remove(&self, id: SnapshotId, begun: bool) -> Result<Option<Snapshot>> {
        let mut connection = self.pool.acquire().await?;
        // waits for whoever is about to set another status
        let snapshot = snapshots::lock_in(&mut connection, id, &Scope::Every).await?;
        Ok(snapshot.filter(|snapshot| snapshot.status == Status::Deleting || begun && snapshot.status.is_broken()))
    }

    /// Records that a snapshot was made.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_snapshot_create(&self, job: &Job, id: SnapshotId) -> Result<()> {
        self.end_snapshot(job, id, MADE, Status::Available, Some("100%"), JobEnd::Done).await
    }

    /// Records that a snapshot is gone, whatever its status was set to meanwhile.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_snapshot_delete(&self, job: &Job, id: SnapshotId) -> Result<()> {
        self.end_snapshot(job, id, Status::ALL, Status::Deleted, None, JobEnd::Done).await
    }

    /// Records that a snapshot could not be made.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_snapshot_create(&self, job: &Job, id: SnapshotId, why: &str) -> Result<()> {
        self.end_snapshot(job, id, MADE, Status::Error, None, JobEnd::Failed(why)).await
    }

    /// Records that a snapshot could not be removed, whatever its status was set to meanwhile: it may be half gone.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_snapshot_delete(&self, job: &Job, id: SnapshotId, why: &str) -> Result<()> {
        self.end_snapshot(job, id, Status::ALL, Status::ErrorDeleting, None, JobEnd::Failed(why)).await
    }

    /// Turns a live snapshot from one of these statuses to that one, and ends the job.
    async fn end_snapshot(
        &self,
        job: &Job,
        id: SnapshotId,
        from: &[Status],
        to: Status,
        progress: Option<&str>,
        how: JobEnd<'_>,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "UPDATE snapshots
                SET status = $3, progress = COALESCE($4, progress), updated_at = now(),
                    deleted_at = CASE WHEN $3 = 'deleted' THEN now() END
              WHERE id = $1 AND status = ANY($2) AND deleted_at IS NULL",
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
