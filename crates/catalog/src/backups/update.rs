//! Changing what a user says about a backup (API spec 3.2), in whatever status it is.

use sqlx::types::Json;

use crate::page::Scope;
use crate::{BackupId, Catalog, Metadata, Result};

/// What is to be changed; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupChange {
    /// The name, or none.
    pub name: Option<Option<String>>,
    /// The description, or none.
    pub description: Option<Option<String>>,
    /// All of the metadata.
    pub metadata: Option<Metadata>,
}

impl Catalog {
    /// Changes a backup. `false` when there is no such backup in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn update_backup(&self, id: BackupId, scope: &Scope, change: &BackupChange) -> Result<bool> {
        if *change == BackupChange::default() {
            return Ok(self.backup(id, scope).await?.is_some());
        }
        let changed = sqlx::query(
            "UPDATE backups
                SET name = CASE WHEN $3 THEN $4 ELSE name END,
                    description = CASE WHEN $5 THEN $6 ELSE description END,
                    metadata = COALESCE($7, metadata),
                    updated_at = now()
              WHERE id = $1 AND ($2::text IS NULL OR project_id = $2) AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(scope.project())
        .bind(change.name.is_some())
        .bind(change.name.as_ref().and_then(Option::as_ref))
        .bind(change.description.is_some())
        .bind(change.description.as_ref().and_then(Option::as_ref))
        .bind(change.metadata.as_ref().map(Json))
        .execute(&self.pool)
        .await?
        .rows_affected();
        Ok(changed == 1)
    }
}
