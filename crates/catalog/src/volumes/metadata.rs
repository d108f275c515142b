//! A volume's metadata (API spec 11.1).

use sqlx::types::Json;

use super::Status;
use super::record::lock_in;
use crate::page::Scope;
use crate::{Catalog, Metadata, MetadataEdit, Result, VolumeId};

/// Why a volume's metadata was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// The key is not there.
    #[error("the key is not there")]
    NoSuchKey,
    /// A volume of this status keeps its metadata.
    #[error("the metadata of a volume that is {0} can not be changed")]
    Status(Status),
    /// The metadata is no longer what the caller has seen.
    #[error("the metadata is no longer what the caller has seen")]
    Changed,
}

impl Catalog {
    /// Changes a volume's metadata, if what stands there is what `seen` expects. Returns what stands there
    /// afterwards.
    ///
    /// # Errors
    /// The database failed.
    pub async fn edit_volume_metadata(
        &self,
        id: VolumeId,
        scope: &Scope,
        edit: &MetadataEdit,
        seen: &(dyn Fn(&Metadata) -> bool + Sync),
    ) -> Result<std::result::Result<Metadata, MetadataRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(MetadataRejected::NotFound)) };
        if !seen(&volume.metadata) {
            return Ok(Err(MetadataRejected::Changed));
        }
        if matches!(volume.status, Status::Maintenance | Status::Uploading) {
            return Ok(Err(MetadataRejected::Status(volume.status)));
        }
        let mut metadata = volume.metadata;
        if !edit.apply(&mut metadata) {
            return Ok(Err(MetadataRejected::NoSuchKey));
        }
        sqlx::query("UPDATE volumes SET metadata = $2, updated_at = now() WHERE id = $1")
            .bind(id)
            .bind(Json(&metadata))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Ok(metadata))
    }
}
