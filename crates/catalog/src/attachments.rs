//! Attachments: what a volume is plugged into (API spec 11.1).
//!
//! In a standalone installation nothing plugs volumes in but the one who says so; the record is what makes
//! a volume `in-use`, and what a backup of it then asks `force` for. `os-attach` makes a whole attachment at once. The
//! routes of attachments make one in steps: it is reserved, then connected to a host, then complete.

mod attach;
mod complete;
mod connect;
mod create;
mod delete;
mod detach;
mod read;

use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::text_enum::text_enum;
use crate::volumes;
use crate::{ProjectId, Result, Time, VolumeId};

pub use attach::{AttachRejected, Attaching};
pub use connect::{ConnectRejected, Connector};
pub use create::{CreateRejected, NewAttachment};
pub use detach::DetachRejected;
pub use read::TABLE;

pub(crate) use read::of_volumes;

text_enum! {
    /// How a volume is attached.
    Mode {
        /// For reading and writing.
        ReadWrite = "rw",
        /// For reading.
        ReadOnly = "ro",
    }
}

text_enum! {
    /// How far an attachment is.
    Status {
        /// The volume is kept for it.
        Reserved = "reserved",
        /// A host was told how to reach the volume.
        Attaching = "attaching",
        /// It is complete.
        Attached = "attached",
    }
}

/// An attachment's row, and whose its volume is.
#[derive(Debug, Clone, FromRow)]
pub struct Attachment {
    /// The attachment's id.
    pub id: Uuid,
    /// The volume.
    pub volume_id: VolumeId,
    /// The volume's project.
    pub project_id: ProjectId,
    /// How far it is.
    pub status: Status,
    /// The server that it is attached to.
    pub instance_uuid: Option<Uuid>,
    /// The host that it is attached to.
    pub host_name: Option<String>,
    /// The device's name there.
    pub mountpoint: Option<String>,
    /// How, once that was chosen.
    pub mode: Option<Mode>,
    /// What the host was told about reaching the volume; empty before.
    pub connection_info: Json<serde_json::Map<String, serde_json::Value>>,
    /// Since when there is a connection.
    pub attached_at: Option<Time>,
    /// When it ended.
    pub detached_at: Option<Time>,
}

/// The select list of [`Attachment`] over the aliases `a` and, for the volume, `v`.
macro_rules! attachment_columns {
    () => {
        "a.id, a.volume_id, v.project_id, a.status, a.instance_uuid, a.host_name, a.mountpoint, a.mode,
         a.connection_info, a.attached_at, a.detached_at"
    };
}
use attachment_columns;

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

/// Gives a locked volume the status that its attachments make of it: that of the one that is furthest. A volume that
/// is being backed up or grown keeps its status and gets the other one afterwards; whatever else it is doing has
/// nothing to do with attachments. Returns the attachments.
async fn settle(tx: &mut PgConnection, volume: VolumeId) -> Result<Vec<Attachment>> {
    let attachments = of_volumes(tx, &[volume]).await?;
    let any = |status: Status| attachments.iter().any(|attachment| attachment.status == status);
    let status = if any(Status::Attached) {
        volumes::Status::InUse
    } else if any(Status::Attaching) {
        volumes::Status::Attaching
    } else if any(Status::Reserved) {
        volumes::Status::Reserved
    } else {
        volumes::Status::Available
    };
    sqlx::query(
        "UPDATE volumes
            SET status = CASE WHEN status = ANY($3) THEN $2 ELSE status END,
                previous_status = CASE WHEN status IN ('backing-up', 'extending') AND previous_status = ANY($3)
                                       THEN $2 ELSE previous_status END,
                updated_at = now()
          WHERE id = $1",
    )
    .bind(volume)
    .bind(status)
    .bind(OF_ATTACHMENTS)
    .execute(&mut *tx)
    .await?;
    if attachments.is_empty() {
        forget_mode(tx, volume).await?;
    }
    Ok(attachments)
}

/// What a volume is when nothing but its attachments, and reservations, say so.
const OF_ATTACHMENTS: [volumes::Status; 5] = [
    volumes::Status::Available,
    volumes::Status::Reserved,
    volumes::Status::Attaching,
    volumes::Status::InUse,
    volumes::Status::Detaching,
];
