//! Deleting a snapshot (API spec 11.2).

use super::record::{Status, lock_in};
use crate::jobs::{self, JobSpec};
use crate::page::Scope;
use crate::{Catalog, Result, SnapshotId};

/// Why a snapshot was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeleteRejected {
    /// There is no such snapshot in the caller's sight.
    #[error("there is no such snapshot")]
    NotFound,
    /// It is neither `available` nor `error`.
    #[error("the snapshot is {0}")]
    Status(Status),
}

impl Catalog {
    /// Marks a snapshot `deleting` and queues the job that removes it; with `force` from any status.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_snapshot(
        &self,
        id: SnapshotId,
        scope: &Scope,
        force: bool,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<(), DeleteRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(snapshot) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(DeleteRejected::NotFound)) };
        if !force && !matches!(snapshot.status, Status::Available | Status::Error) {
            return Ok(Err(DeleteRejected::Status(snapshot.status)));
        }
        sqlx::query("UPDATE snapshots SET status = $2, updated_at = now() WHERE id = $1")
            .bind(id)
            .bind(Status::Deleting)
            .execute(&mut *tx)
            .await?;
        let job = JobSpec::SnapshotDelete { snapshot: id, volume: snapshot.volume_id };
        jobs::enqueue(&mut tx, &job, &snapshot.project_id, request_id).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}
