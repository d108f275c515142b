//! Giving a volume another type (API spec 11.1, `os-retype`).
//!
//! There is one pool, so that a volume of another type stays where it is: either the pool has what the new type
//! asks for and the row changes, or nothing does.

use super::Status;
use super::record::lock_in;
use crate::page::Scope;
use crate::quotas::{self, Exceeded, Resource};
use crate::types::{self, Capabilities, Viewer};
use crate::{Catalog, Result, VolumeId, messages};

/// A change of type that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Retype<'a> {
    /// The volume.
    pub volume: VolumeId,
    /// The name or the id of its new type.
    pub new_type: &'a str,
    /// What the pool has to offer.
    pub capabilities: &'a Capabilities,
}

/// Why a volume's type is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetypeRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// There is no such type in the caller's sight.
    #[error("there is no such volume type")]
    NoSuchType,
    /// The volume is neither `available` nor `in-use`, or has the type already.
    #[error("the volume is neither available nor in-use, or it has the type already")]
    NotNow,
    /// The project has no room for it.
    #[error(transparent)]
    Quota(#[from] Exceeded),
}

impl Catalog {
    /// Changes a volume's type. Where the pool has not what the type asks for, the volume's project is told, and
    /// everything stays as it was.
    ///
    /// # Errors
    /// The database failed.
    pub async fn retype_volume(
        &self,
        retype: Retype<'_>,
        scope: &Scope,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<(), RetypeRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, retype.volume, scope).await? else {
            return Ok(Err(RetypeRejected::NotFound));
        };
        let Some(new_type) = types::resolve(&mut tx, retype.new_type, Viewer::of(scope)).await? else {
            return Ok(Err(RetypeRejected::NoSuchType));
        };
        let ready = matches!(volume.status, Status::Available | Status::InUse);
        if !ready || volume.volume_type_id == Some(new_type.id) {
            return Ok(Err(RetypeRejected::NotNow));
        }
        let project = &volume.project_id;
        let wanted = [
            (Resource::GigabytesOfType(new_type.name.clone()), i64::from(volume.size_gib)),
            (Resource::VolumesOfType(new_type.name.clone()), 1),
        ];
        if let Err(exceeded) = quotas::reserve(&mut tx, project, &wanted).await? {
            return Ok(Err(exceeded.into()));
        }
        if types::fits(&new_type.extra_specs, retype.capabilities) {
            sqlx::query("UPDATE volumes SET volume_type_id = $2, updated_at = now() WHERE id = $1")
                .bind(volume.id)
                .bind(new_type.id)
                .execute(&mut *tx)
                .await?;
        } else {
            messages::add(&mut tx, &messages::no_backend(volume.id, project, request_id)).await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }
}
