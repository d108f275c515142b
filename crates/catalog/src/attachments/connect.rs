//! Telling a host how to reach a volume.

use std::fmt;

use serde_json::{Map, Value};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::read::{find, lock, of_volumes};
use super::{Attachment, Mode, settle};
use crate::page::Scope;
use crate::volumes::{Status, Volume};
use crate::{Catalog, Error, Result};

/// A host that is to reach a volume.
pub struct Connector<'a> {
    /// Its name.
    pub host_name: Option<String>,
    /// The device's name there.
    pub mountpoint: Option<String>,
    /// How, where the attachment does not say so.
    pub mode: Option<Mode>,
    /// What it is told, for a volume, an attachment of it, and how that is.
    pub info: &'a (dyn Fn(&Volume, Uuid, Mode) -> Map<String, Value> + Sync),
}

impl fmt::Debug for Connector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("host_name", &self.host_name)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Why an attachment was not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectRejected {
    /// There is no such attachment in the caller's sight.
    #[error("there is no such attachment")]
    NotFound,
    /// The volume is broken.
    #[error("the volume is {0}")]
    Broken(Status),
    /// The host is connected already, and the volume can only be attached once.
    #[error("the host is connected to the volume already")]
    Duplicate,
}

impl Catalog {
    /// Connects an attachment, perhaps anew. Until it is complete it is `attaching`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn connect_attachment(
        &self,
        id: Uuid,
        scope: &Scope,
        connector: &Connector<'_>,
    ) -> Result<std::result::Result<Attachment, ConnectRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some((attachment, volume)) = lock(&mut tx, id, scope).await? else {
            return Ok(Err(ConnectRejected::NotFound));
        };
        if volume.status.is_broken() {
            return Ok(Err(ConnectRejected::Broken(volume.status)));
        }
        // a server that moves has two attachments, to two hosts
        let duplicate = !volume.multiattach
            && of_volumes(&mut tx, &[volume.id]).await?.iter().any(|other| {
                other.id != id && !other.connection_info.is_empty() && other.host_name == connector.host_name
            });
        if duplicate {
            return Ok(Err(ConnectRejected::Duplicate));
        }
        connect(&mut tx, &volume, id, attachment.mode, connector).await?;
        settle(&mut tx, volume.id).await?;
        let connected = find(&mut tx, id, scope).await?;
        tx.commit().await?;
        connected.map(Ok).ok_or_else(|| Error::Stale { table: "attachments", id: id.to_string() })
    }
}

/// Connects an attachment of a locked volume. A volume that may only be read is attached so whatever was asked for.
pub(super) async fn connect(
    tx: &mut PgConnection,
    volume: &Volume,
    id: Uuid,
    chosen: Option<Mode>,
    connector: &Connector<'_>,
) -> Result<()> {
    let mode = if volume.is_readonly() { Mode::ReadOnly } else { chosen.or(connector.mode).unwrap_or(Mode::ReadWrite) };
    sqlx::query(
        "UPDATE attachments
            SET status = 'attaching', host_name = $2, mountpoint = $3, mode = $4, connection_info = $5,
                attached_at = now()
          WHERE id = $1",
    )
    .bind(id)
    .bind(&connector.host_name)
    .bind(&connector.mountpoint)
    .bind(mode)
    .bind(Json((connector.info)(volume, id, mode)))
    .execute(tx)
    .await?;
    Ok(())
}
