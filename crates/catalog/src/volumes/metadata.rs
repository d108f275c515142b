//! A volume's metadata, the user's and what is known of its image (API spec 11.1).

use sqlx::types::Json;

use super::record::lock_in;
use super::{Status, Volume};
use crate::page::Scope;
use crate::{Catalog, EditRejected, Metadata, MetadataEdit, Result, VolumeId};

/// Why a volume's metadata was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// It can not be changed in this way.
    #[error(transparent)]
    Edit(#[from] EditRejected),
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
        self.edit(
            id,
            scope,
            |volume| if seen(&volume.metadata) { Ok(volume.metadata) } else { Err(MetadataRejected::Changed) },
            edit,
            "UPDATE volumes SET metadata = $2, updated_at = now() WHERE id = $1",
        )
        .await
    }

    /// Changes what is known of the image that a volume was made from. Returns what stands there afterwards.
    ///
    /// # Errors
    /// The database failed.
    pub async fn edit_volume_image_metadata(
        &self,
        id: VolumeId,
        scope: &Scope,
        edit: &MetadataEdit,
    ) -> Result<std::result::Result<Metadata, MetadataRejected>> {
        self.edit(
            id,
            scope,
            |volume| Ok(volume.image_metadata),
            edit,
            "UPDATE volumes SET image_metadata = $2, updated_at = now() WHERE id = $1",
        )
        .await
    }

    async fn edit(
        &self,
        id: VolumeId,
        scope: &Scope,
        read: impl FnOnce(Volume) -> std::result::Result<Metadata, MetadataRejected>,
        edit: &MetadataEdit,
        write: &'static str,
    ) -> Result<std::result::Result<Metadata, MetadataRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(MetadataRejected::NotFound)) };
        let status = volume.status;
        let metadata = match read(volume) {
            Ok(metadata) => metadata,
            Err(rejected) => return Ok(Err(rejected)),
        };
        if matches!(status, Status::Maintenance | Status::Uploading) {
            return Ok(Err(MetadataRejected::Status(status)));
        }
        let metadata = match edit.apply(metadata) {
            Ok(metadata) => metadata,
            Err(rejected) => return Ok(Err(rejected.into())),
        };
        sqlx::query(write).bind(id).bind(Json(&metadata)).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Ok(metadata))
    }
}
