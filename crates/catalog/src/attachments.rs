//! Attachments: what a volume is plugged into (API spec 11.1).
//!
//! In a standalone installation nothing plugs volumes in but the one who says so; the record is what makes
//! a volume `in-use`, and what a backup of it then asks `force` for.

mod attach;
mod detach;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::text_enum::text_enum;
use crate::{Result, Time, VolumeId};

pub use attach::{AttachRejected, Attaching};
pub use detach::DetachRejected;

text_enum! {
    /// How a volume is attached.
    Mode {
        /// For reading and writing.
        ReadWrite = "rw",
        /// For reading.
        ReadOnly = "ro",
    }
}

/// An attachment's row.
#[derive(Debug, Clone, FromRow)]
pub struct Attachment {
    /// The attachment's id.
    pub id: Uuid,
    /// The volume.
    pub volume_id: VolumeId,
    /// The server that it is attached to.
    pub instance_uuid: Option<Uuid>,
    /// The host that it is attached to.
    pub host_name: Option<String>,
    /// The device's name there.
    pub mountpoint: Option<String>,
    /// How.
    pub mode: Mode,
    /// Since when.
    pub attached_at: Time,
    /// When it ended.
    pub detached_at: Option<Time>,
}

/// The live attachments of these volumes, oldest first.
pub(crate) async fn of_volumes(tx: &mut PgConnection, volumes: &[VolumeId]) -> Result<Vec<Attachment>> {
    let ids: Vec<Uuid> = volumes.iter().map(|volume| volume.0).collect();
    Ok(sqlx::query_as(
        "SELECT id, volume_id, instance_uuid, host_name, mountpoint, mode, attached_at, detached_at
           FROM attachments
          WHERE volume_id = ANY($1) AND detached_at IS NULL
          ORDER BY attached_at, id",
    )
    .bind(ids)
    .fetch_all(tx)
    .await?)
}

/// Ends every live attachment of a volume, or the given one. Returns how many that were.
pub(crate) async fn end(tx: &mut PgConnection, volume: VolumeId, attachment: Option<Uuid>) -> Result<u64> {
    Ok(sqlx::query(
        "UPDATE attachments SET detached_at = now()
          WHERE volume_id = $1 AND detached_at IS NULL AND ($2::uuid IS NULL OR id = $2)",
    )
    .bind(volume)
    .bind(attachment)
    .execute(tx)
    .await?
    .rows_affected())
}

/// Takes the mode of a volume's last attachment out of what is shown with its metadata.
pub(crate) async fn forget_mode(tx: &mut PgConnection, volume: VolumeId) -> Result<()> {
    sqlx::query("UPDATE volumes SET admin_metadata = admin_metadata - 'attached_mode' WHERE id = $1")
        .bind(volume)
        .execute(tx)
        .await?;
    Ok(())
}
