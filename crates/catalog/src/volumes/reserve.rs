//! Keeping a volume for a server that is about to attach or to detach it (API spec 11.1).

use super::Status;
use super::record::{lock_in, set_status};
use crate::page::Scope;
use crate::{Catalog, Result, VolumeId, attachments};

/// Why a volume was not reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReserveRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// Only an `available` volume can be reserved.
    #[error("the volume is {0}, not available")]
    Status(Status),
}

/// Why a volume is not being detached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DetachingRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// The volume is not `in-use`, or nothing has it.
    #[error("the volume is not attached")]
    NotAttached,
}

impl Catalog {
    /// Reserves a volume: it is `attaching`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reserve_volume(
        &self,
        id: VolumeId,
        scope: &Scope,
    ) -> Result<std::result::Result<(), ReserveRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(ReserveRejected::NotFound)) };
        if volume.status != Status::Available {
            return Ok(Err(ReserveRejected::Status(volume.status)));
        }
        set_status(&mut tx, id, Status::Attaching).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Takes a reservation back; a volume without one stays as it is. `false` when there is no such volume in the
    /// scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn unreserve_volume(&self, id: VolumeId, scope: &Scope) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(false) };
        if volume.status == Status::Attaching {
            let attached = !attachments::of_volumes(&mut tx, &[id]).await?.is_empty();
            let status = if attached { Status::InUse } else { Status::Available };
            set_status(&mut tx, id, status).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Records that a server is about to detach a volume: it is `detaching`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin_detaching_volume(
        &self,
        id: VolumeId,
        scope: &Scope,
    ) -> Result<std::result::Result<(), DetachingRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(DetachingRejected::NotFound)) };
        let attached = attachments::of_volumes(&mut tx, &[id]).await?;
        let attached = attached.iter().any(|attachment| attachment.status == attachments::Status::Attached);
        if volume.status != Status::InUse || !attached {
            return Ok(Err(DetachingRejected::NotAttached));
        }
        set_status(&mut tx, id, Status::Detaching).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Records that it will not; a volume that is not `detaching` stays as it is. `false` when there is no such volume
    /// in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn roll_detaching_volume(&self, id: VolumeId, scope: &Scope) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(false) };
        if volume.status == Status::Detaching {
            set_status(&mut tx, id, Status::InUse).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
