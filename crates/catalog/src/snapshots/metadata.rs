//! A snapshot's metadata (API spec 11.2).

use sqlx::types::Json;

use super::record::lock_in;
use crate::page::Scope;
use crate::{Catalog, EditRejected, Metadata, MetadataEdit, Result, SnapshotId};

/// Why a snapshot's metadata was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataRejected {
    /// There is no such snapshot in the caller's sight.
    #[error("there is no such snapshot")]
    NotFound,
    /// It can not be changed in this way.
    #[error(transparent)]
    Edit(#[from] EditRejected),
}

impl Catalog {
    /// Changes a snapshot's metadata. Returns what stands there afterwards.
    ///
    /// # Errors
    /// The database failed.
    pub async fn edit_snapshot_metadata(
        &self,
        id: SnapshotId,
        scope: &Scope,
        edit: &MetadataEdit,
    ) -> Result<std::result::Result<Metadata, MetadataRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(snapshot) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(MetadataRejected::NotFound)) };
        let metadata = match edit.apply(snapshot.metadata) {
            Ok(metadata) => metadata,
            Err(rejected) => return Ok(Err(rejected.into())),
        };
        sqlx::query("UPDATE snapshots SET metadata = $2, updated_at = now() WHERE id = $1")
            .bind(id)
            .bind(Json(&metadata))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Ok(metadata))
    }
}
