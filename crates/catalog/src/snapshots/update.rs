//! Changing what a snapshot is called, and correcting its status (API spec 11.2).

use sqlx::PgConnection;

use super::record::{Snapshot, Status, lock_in, snapshot_columns};
use crate::page::Scope;
use crate::{Catalog, Result, SnapshotId};

/// What of a snapshot is to change; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotChange {
    /// The new name, which may be nothing.
    pub name: Option<Option<String>>,
    /// The new description, which may be nothing.
    pub description: Option<Option<String>>,
}

/// Why a reported status was not taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportRejected {
    /// There is no such snapshot in the caller's sight.
    #[error("there is no such snapshot")]
    NotFound,
    /// Nobody is expected to report on a snapshot of this status.
    #[error("nobody is expected to report on a snapshot that is {0}")]
    NotExpected(Status),
    /// A snapshot of this status does not get the reported one next.
    #[error("a snapshot that is {0} does not get this status next")]
    NotNext(Status),
}

impl Status {
    /// What may be reported of a snapshot of this status; nothing where no report is expected.
    fn reportable(self) -> &'static [Self] {
        match self {
            Self::Creating => &[Self::Creating, Self::Available, Self::Error],
            Self::Deleting => &[Self::Deleting, Self::ErrorDeleting],
            _ => &[],
        }
    }
}

impl Catalog {
    /// Changes name and description of a snapshot. `None` when there is no such snapshot in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn update_snapshot(
        &self,
        id: SnapshotId,
        scope: &Scope,
        change: &SnapshotChange,
    ) -> Result<Option<Snapshot>> {
        Ok(sqlx::query_as(concat!(
            "UPDATE snapshots AS s
                SET name = CASE WHEN $3 THEN $4 ELSE name END,
                    description = CASE WHEN $5 THEN $6 ELSE description END,
                    updated_at = now()
              WHERE id = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR project_id = $2)
          RETURNING ",
            snapshot_columns!()
        ))
        .bind(id)
        .bind(scope.project())
        .bind(change.name.is_some())
        .bind(change.name.as_ref().and_then(Option::as_ref))
        .bind(change.description.is_some())
        .bind(change.description.as_ref().and_then(Option::as_ref))
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Sets a snapshot's status as told. `false` when there is no such snapshot in the scope.
    ///
    /// It does not become usable by that before it was made, nor while the job that removes it has begun and has not ended, nor
    /// while it is to go with its volume: it stays what it is, and becomes what the job comes to. A delete of its own that
    /// only waits is taken back.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reset_snapshot(&self, id: SnapshotId, scope: &Scope, status: Status) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        if lock_in(&mut tx, id, scope).await?.is_none() {
            return Ok(false);
        }
        if status.is_broken() || !is_unfinished(&mut tx, id).await? {
            sqlx::query("UPDATE snapshots SET status = $2, updated_at = now() WHERE id = $1")
                .bind(id)
                .bind(status)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Takes a report over: the next status of a snapshot that is being made or deleted, and how far it has
    /// come (`os-update_snapshot_status`).
    ///
    /// # Errors
    /// The database failed.
    pub async fn report_snapshot(
        &self,
        id: SnapshotId,
        scope: &Scope,
        status: Status,
        progress: Option<&str>,
    ) -> Result<std::result::Result<(), ReportRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(snapshot) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(ReportRejected::NotFound)) };
        let next = snapshot.status.reportable();
        if next.is_empty() {
            return Ok(Err(ReportRejected::NotExpected(snapshot.status)));
        }
        if !next.contains(&status) {
            return Ok(Err(ReportRejected::NotNext(snapshot.status)));
        }
        sqlx::query(
            "UPDATE snapshots SET status = $2, progress = coalesce($3, progress), updated_at = now() WHERE id = $1",
        )
        .bind(id)
        .bind(status)
        .bind(progress)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}

/// Whether a snapshot is still to be made, or to be removed with its volume, or a job that removes it has begun and has not
/// ended yet.
async fn is_unfinished(tx: &mut PgConnection, id: SnapshotId) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM jobs
                         WHERE state IN ('ready', 'running')
                           AND (target_id = $1 AND kind = 'snapshot_create'
                                OR target_id = $1 AND kind = 'snapshot_delete' AND (state = 'running' OR attempt > 0)
                                OR target_id = (SELECT volume_id FROM snapshots WHERE id = $1)
                                   AND kind = 'volume_delete' AND spec->>'cascade' = 'true'))",
    )
    .bind(id)
    .fetch_one(tx)
    .await?)
}
