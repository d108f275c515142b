//! Asking for a record's import (API spec 5.8).

use sqlx::PgConnection;

use super::read::{BackupView, view};
use super::{NO_VOLUME, Status};
use crate::jobs::{self, JobSpec};
use crate::page::Scope;
use crate::quotas::{self, Exceeded, Resource};
use crate::{BackupId, Catalog, Error, ProjectId, Result, UserId};

/// A record that somebody wants to have imported.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// The id that the record says the backup has.
    pub id: BackupId,
    /// The parent that it says the backup has.
    pub parent: Option<BackupId>,
    /// The size that it says.
    pub size_gib: i32,
    /// The driver that it is said to be for.
    pub service: String,
    /// The record.
    pub record: serde_json::Value,
    /// The project that the backup will belong to.
    pub project: ProjectId,
    /// Who asks.
    pub user: UserId,
}

/// Why no import was begun, in the order in which the rules are applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportRejected {
    /// There is a backup with this id, in whatever project.
    #[error("there is a backup with this id already")]
    Exists,
    /// Its parent, or an increment of it, is another project's.
    #[error("its parent, or an increment of it, is another project's")]
    OtherProject,
    /// The project has no room for it.
    #[error(transparent)]
    Quota(#[from] Exceeded),
}

impl Catalog {
    /// Begins an import: the row is `creating`, the job is in the queue. The row of a deleted backup with the
    /// same id is taken up again, without anything that it said: it may have been another project's.
    ///
    /// # Errors
    /// The database failed.
    pub async fn import_backup(
        &self,
        import: &NewImport,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<BackupView, ImportRejected>> {
        let mut tx = self.pool.begin().await?;
        let (exists,): (bool,) =
            sqlx::query_as("SELECT EXISTS (SELECT 1 FROM backups WHERE id = $1 AND deleted_at IS NULL)")
                .bind(import.id)
                .fetch_one(&mut *tx)
                .await?;
        if exists {
            return Ok(Err(ImportRejected::Exists));
        }
        if kin_elsewhere(&mut tx, import.id, import.parent, &import.project).await? {
            return Ok(Err(ImportRejected::OtherProject));
        }
        let wanted = [(Resource::Backups, 1), (Resource::BackupGigabytes, i64::from(import.size_gib))];
        if let Err(exceeded) = quotas::reserve(&mut tx, &import.project, &wanted).await? {
            return Ok(Err(exceeded.into()));
        }
        let made = sqlx::query(
            "INSERT INTO backups (id, project_id, user_id, volume_id, status, size_gib)
             VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (id) DO UPDATE
                        SET project_id = excluded.project_id, user_id = excluded.user_id,
                            volume_id = excluded.volume_id, status = excluded.status, size_gib = excluded.size_gib,
                            snapshot_id = NULL, parent_id = NULL, restore_volume_id = NULL, fail_reason = NULL,
                            host = NULL, service = NULL, service_metadata = NULL, encryption_key_id = NULL,
                            metadata = DEFAULT, data_timestamp = NULL, created_at = now(), updated_at = NULL,
                            deleted_at = NULL, name = NULL, description = NULL, container = NULL,
                            availability_zone = NULL, verified_at = NULL, verify_result = NULL,
                            verify_asked_at = NULL, checksums = DEFAULT
                      WHERE backups.deleted_at IS NOT NULL",
        )
        .bind(import.id)
        .bind(&import.project)
        .bind(&import.user)
        .bind(NO_VOLUME)
        .bind(Status::Creating)
        .bind(import.size_gib)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if made == 0 {
            // somebody else imported it between the two statements
            return Ok(Err(ImportRejected::Exists));
        }
        let spec =
            JobSpec::BackupImport { backup: import.id, service: import.service.clone(), record: import.record.clone() };
        jobs::enqueue(&mut tx, &spec, &import.project, request_id).await?;
        let made = view(&mut tx, import.id, &Scope::Every).await?;
        tx.commit().await?;
        made.map(Ok).ok_or_else(|| Error::Stale { table: "backups", id: import.id.to_string() })
    }
}

/// Whether a backup with this parent would make a chain through several projects: none could delete its own part
/// without the others.
pub(crate) async fn kin_elsewhere(
    tx: &mut PgConnection,
    id: BackupId,
    parent: Option<BackupId>,
    project: &ProjectId,
) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM backups WHERE id = $2 AND project_id <> $3 AND deleted_at IS NULL)
             OR EXISTS (SELECT 1 FROM backups WHERE parent_id = $1 AND project_id <> $3 AND deleted_at IS NULL)",
    )
    .bind(id)
    .bind(parent)
    .bind(project)
    .fetch_one(tx)
    .await?)
}
