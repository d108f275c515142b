//! Changing what a volume is called, and its flags (API spec 11.1).

use sqlx::types::Json;

use super::Status;
use super::read::{VolumeView, view};
use super::record::lock_in;
use crate::page::Scope;
use crate::{Catalog, Metadata, Result, VolumeId};

/// What of a volume is to change; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeChange {
    /// The new name, which may be nothing.
    pub name: Option<Option<String>>,
    /// The new description, which may be nothing.
    pub description: Option<Option<String>>,
    /// The metadata, which replaces what is there.
    pub metadata: Option<Metadata>,
}

/// Why a volume was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpdateRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// An operator works on it.
    #[error("the volume is under maintenance")]
    Maintenance,
}

/// Why a volume's read-only flag was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadonlyRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// Only an `available` volume's flag can be changed.
    #[error("the volume is {0}, not available")]
    Status(Status),
}

impl Catalog {
    /// Changes name, description and metadata of a volume.
    ///
    /// # Errors
    /// The database failed.
    pub async fn update_volume(
        &self,
        id: VolumeId,
        scope: &Scope,
        change: &VolumeChange,
    ) -> Result<std::result::Result<VolumeView, UpdateRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(UpdateRejected::NotFound)) };
        if volume.status == Status::Maintenance {
            return Ok(Err(UpdateRejected::Maintenance));
        }
        sqlx::query("UPDATE volumes SET name = $2, description = $3, metadata = $4, updated_at = now() WHERE id = $1")
            .bind(id)
            .bind(change.name.as_ref().unwrap_or(&volume.name))
            .bind(change.description.as_ref().unwrap_or(&volume.description))
            .bind(Json(change.metadata.as_ref().unwrap_or(&volume.metadata)))
            .execute(&mut *tx)
            .await?;
        let changed = view(&mut tx, id).await?;
        tx.commit().await?;
        Ok(changed.ok_or(UpdateRejected::NotFound))
    }

    /// Says whether a server may start from a volume. `false` when there is no such volume in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_volume_bootable(&self, id: VolumeId, scope: &Scope, bootable: bool) -> Result<bool> {
        let changed = sqlx::query(
            "UPDATE volumes SET bootable = $3, updated_at = now()
              WHERE id = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR project_id = $2)",
        )
        .bind(id)
        .bind(scope.project())
        .bind(bootable)
        .execute(&self.pool)
        .await?
        .rows_affected();
        Ok(changed == 1)
    }

    /// Says whether a volume may only be attached for reading.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_volume_readonly(
        &self,
        id: VolumeId,
        scope: &Scope,
        readonly: bool,
    ) -> Result<std::result::Result<(), ReadonlyRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(ReadonlyRejected::NotFound)) };
        if volume.status != Status::Available {
            return Ok(Err(ReadonlyRejected::Status(volume.status)));
        }
        sqlx::query(
            "UPDATE volumes
                SET admin_metadata = admin_metadata || jsonb_build_object('readonly', $2::text), updated_at = now()
              WHERE id = $1",
        )
        .bind(id)
        .bind(if readonly { "True" } else { "False" })
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}
