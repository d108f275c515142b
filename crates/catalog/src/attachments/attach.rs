//! Attaching a volume (API spec 11.1, `os-attach`).

use uuid::Uuid;

use super::Mode;
use crate::page::Scope;
use crate::volumes::{self, Status};
use crate::{Catalog, Result, VolumeId};

/// What a volume is to be attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attaching {
    /// A server.
    pub instance_uuid: Option<Uuid>,
    /// Or a host.
    pub host_name: Option<String>,
    /// The device's name there.
    pub mountpoint: String,
    /// How.
    pub mode: Mode,
}

/// Why a volume was not attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttachRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// A volume of this status can not be attached.
    #[error("a volume that is {0} can not be attached")]
    Status(Status),
    /// It is attached already, and can only be attached once.
    #[error("the volume is attached already")]
    Attached,
    /// It may only be attached for reading.
    #[error("the volume may only be attached for reading")]
    Readonly,
}

impl Catalog {
    /// Records an attachment and makes the volume `in-use`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn attach_volume(
        &self,
        id: VolumeId,
        scope: &Scope,
        to: &Attaching,
    ) -> Result<std::result::Result<Uuid, AttachRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = volumes::lock_in(&mut tx, id, scope).await? else {
            return Ok(Err(AttachRejected::NotFound));
        };
        let attached = !super::of_volumes(&mut tx, &[id]).await?.is_empty();
        if attached && !volume.multiattach {
            return Ok(Err(AttachRejected::Attached));
        }
        let may = match volume.status {
            Status::Available | Status::Attaching => true,
            Status::InUse => volume.multiattach,
            _ => false,
        };
        if !may {
            return Ok(Err(AttachRejected::Status(volume.status)));
        }
        if to.mode == Mode::ReadWrite && volume.is_readonly() {
            return Ok(Err(AttachRejected::Readonly));
        }
        let attachment = sqlx::query_scalar(
            "INSERT INTO attachments (volume_id, instance_uuid, host_name, mountpoint, mode)
             VALUES ($1, $2, $3, $4, $5)
          RETURNING id",
        )
        .bind(id)
        .bind(to.instance_uuid)
        .bind(&to.host_name)
        .bind(&to.mountpoint)
        .bind(to.mode)
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE volumes
                SET status = $2, updated_at = now(),
                    admin_metadata = jsonb_build_object('readonly', 'False') || admin_metadata
                                     || jsonb_build_object('attached_mode', $3::text)
              WHERE id = $1",
        )
        .bind(id)
        .bind(Status::InUse)
        .bind(to.mode)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Ok(attachment))
    }
}
