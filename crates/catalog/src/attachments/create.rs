//! Keeping a volume for a server, and perhaps connecting it at once.

use uuid::Uuid;

use super::connect::{Connector, connect};
use super::read::{find, of_volumes};
use super::{Attachment, Mode, settle};
use crate::page::Scope;
use crate::volumes::{self, Status};
use crate::{Catalog, Error, Result, VolumeId};

/// An attachment that somebody asks for.
#[derive(Debug)]
pub struct NewAttachment<'a> {
    /// The volume.
    pub volume: VolumeId,
    /// The server.
    pub instance_uuid: Option<Uuid>,
    /// How; otherwise the connector says so.
    pub mode: Option<Mode>,
    /// The host that is to reach it, if it is known yet.
    pub connector: Option<Connector<'a>>,
}

/// Why there is no attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreateRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// A volume of this status is not kept for anybody.
    #[error("a volume that is {status} can not be reserved")]
    Status {
        /// The status.
        status: Status,
        /// Whether the volume may be attached several times.
        multiattach: bool,
    },
    /// The volume is broken.
    #[error("the volume is {0}")]
    Broken(Status),
}

impl Catalog {
    /// Makes an attachment, which keeps the volume: it is `reserved`, or `attaching` with a connector.
    ///
    /// A server that has the volume, or that it is kept for, may reserve it once more: it may be on its way to another
    /// host.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_attachment(
        &self,
        new: &NewAttachment<'_>,
        scope: &Scope,
    ) -> Result<std::result::Result<Attachment, CreateRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = volumes::lock_in(&mut tx, new.volume, scope).await? else {
            return Ok(Err(CreateRejected::NotFound));
        };
        if volume.status.is_broken() {
            return Ok(Err(CreateRejected::Broken(volume.status)));
        }
        let free = match volume.status {
            Status::Available | Status::Downloading => true,
            Status::InUse => volume.multiattach,
            _ => false,
        };
        let again = !free
            && new.instance_uuid.is_some()
            && matches!(volume.status, Status::InUse | Status::Reserved)
            && of_volumes(&mut tx, &[volume.id]).await?.iter().any(|other| other.instance_uuid == new.instance_uuid);
        if !free && !again {
            return Ok(Err(CreateRejected::Status { status: volume.status, multiattach: volume.multiattach }));
        }
        if volume.status == Status::Downloading {
            volumes::set_status(&mut tx, volume.id, Status::Reserved).await?;
        }
        let mode = if volume.is_readonly() { Some(Mode::ReadOnly) } else { new.mode };
        let id: Uuid = sqlx::query_scalar(
            "INSERT INTO attachments (volume_id, instance_uuid, mode, status, attached_at)
             VALUES ($1, $2, $3, 'reserved', NULL)
          RETURNING id",
        )
        .bind(volume.id)
        .bind(new.instance_uuid)
        .bind(mode)
        .fetch_one(&mut *tx)
        .await?;
        if let Some(connector) = &new.connector {
            connect(&mut tx, &volume, id, mode, connector).await?;
        }
        settle(&mut tx, volume.id).await?;
        let made = find(&mut tx, id, scope).await?;
        tx.commit().await?;
        made.map(Ok).ok_or_else(|| Error::Stale { table: "attachments", id: id.to_string() })
    }
}
