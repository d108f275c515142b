//! A volume's row.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::page::Scope;
use crate::text_enum::text_enum;
use crate::{BackupId, Metadata, ProjectId, Result, SnapshotId, Time, UserId, VolumeId, VolumeTypeId};

text_enum! {
    /// What a volume is doing (API spec 5.1).
    Status {
        /// Its image is being made.
        Creating = "creating",
        /// It can be used.
        Available = "available",
        /// It is set aside for an attachment.
        Reserved = "reserved",
        /// It is being attached.
        Attaching = "attaching",
        /// It is being detached.
        Detaching = "detaching",
        /// It is attached.
        InUse = "in-use",
        /// An operator works on it.
        Maintenance = "maintenance",
        /// Its image is being removed.
        Deleting = "deleting",
        /// Making it failed.
        Error = "error",
        /// Removing it failed.
        ErrorDeleting = "error_deleting",
        /// Taking an existing image over failed; shown as `error`.
        ErrorManaging = "error_managing",
        /// An existing image is taken over; shown as `creating`.
        Managing = "managing",
        /// It waits for another project to take it.
        AwaitingTransfer = "awaiting-transfer",
        /// It is being backed up.
        BackingUp = "backing-up",
        /// The last backup of it failed (only ever a previous status).
        ErrorBackingUp = "error_backing-up",
        /// A backup is being restored onto it.
        RestoringBackup = "restoring-backup",
        /// Restoring a backup onto it failed.
        ErrorRestoring = "error_restoring",
        /// An image is being written to it.
        Downloading = "downloading",
        /// An image is being made of it.
        Uploading = "uploading",
        /// Its type is being changed.
        Retyping = "retyping",
        /// It is being grown.
        Extending = "extending",
        /// Growing it failed.
        ErrorExtending = "error_extending",
        /// It is gone; no live row has this.
        Deleted = "deleted",
    }
}

impl Status {
    /// Whether something failed: such a volume is not to be used.
    pub(crate) fn is_broken(self) -> bool {
        self.as_str().contains("error")
    }
}

/// A volume's row.
#[derive(Debug, Clone, FromRow)]
pub struct Volume {
    /// The volume's id.
    pub id: VolumeId,
    /// The project that owns it.
    pub project_id: ProjectId,
    /// The user who made it.
    pub user_id: UserId,
    /// The user's name for it.
    pub name: Option<String>,
    /// The user's description.
    pub description: Option<String>,
    /// Its size in GiB. The image may be larger in bytes.
    pub size_gib: i32,
    /// What it is doing.
    pub status: Status,
    /// What the status was before `backing-up`, then how the last backup ended (API spec 5.2).
    pub previous_status: Option<Status>,
    /// Its zone.
    pub availability_zone: String,
    /// Its type.
    pub volume_type_id: Option<VolumeTypeId>,
    /// The snapshot that it was made from.
    pub snapshot_id: Option<SnapshotId>,
    /// The volume that it was made from.
    pub source_volume_id: Option<VolumeId>,
    /// The backup that it was made from.
    pub source_backup_id: Option<BackupId>,
    /// Whether a server may start from it.
    pub bootable: bool,
    /// Whether several servers may attach it.
    pub multiattach: bool,
    /// What a migration of it is doing.
    pub migration_status: Option<String>,
    /// The key of an encrypted volume.
    pub encryption_key_id: Option<Uuid>,
    /// Where it lives, as `host@backend#pool`.
    pub host: Option<String>,
    /// The user's metadata.
    #[sqlx(json)]
    pub metadata: Metadata,
    /// `readonly` and `attached_mode`: shown with the user's metadata, never set through it.
    #[sqlx(json)]
    pub admin_metadata: Metadata,
    /// What is known of the image that it was made from.
    #[sqlx(json)]
    pub image_metadata: Metadata,
    /// When the row was made.
    pub created_at: Time,
    /// When the row last changed.
    pub updated_at: Option<Time>,
    /// When the image was ready.
    pub launched_at: Option<Time>,
    /// When it was deleted.
    pub deleted_at: Option<Time>,
}

impl Volume {
    /// Whether it may only be attached for reading.
    pub fn is_readonly(&self) -> bool {
        self.admin_metadata.get("readonly").is_some_and(|flag| flag == "True")
    }
}

/// The select list of [`Volume`] over the alias `v`.
macro_rules! volume_columns {
    () => {
        "v.id, v.project_id, v.user_id, v.name, v.description, v.size_gib, v.status, v.previous_status,
         v.availability_zone, v.volume_type_id, v.snapshot_id, v.source_volume_id, v.source_backup_id, v.bootable,
         v.multiattach, v.migration_status, v.encryption_key_id, v.host, v.metadata, v.admin_metadata,
         v.image_metadata, v.created_at, v.updated_at, v.launched_at, v.deleted_at"
    };
}
pub(super) use volume_columns;

/// Locks the row of a live volume until the transaction ends.
pub(crate) async fn lock(tx: &mut PgConnection, id: VolumeId) -> Result<Option<Volume>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        volume_columns!(),
        " FROM volumes AS v WHERE v.id = $1 AND v.deleted_at IS NULL FOR UPDATE"
    ))
    .bind(id)
    .fetch_optional(tx)
    .await?)
}

/// As [`lock`], for a volume that is in the scope.
pub(crate) async fn lock_in(tx: &mut PgConnection, id: VolumeId, scope: &Scope) -> Result<Option<Volume>> {
    Ok(lock(tx, id).await?.filter(|volume| scope.project().is_none_or(|project| project == volume.project_id.as_str())))
}

/// Gives a locked volume another status.
pub(crate) async fn set_status(tx: &mut PgConnection, id: VolumeId, status: Status) -> Result<()> {
    sqlx::query("UPDATE volumes SET status = $2, updated_at = now() WHERE id = $1")
        .bind(id)
        .bind(status)
        .execute(tx)
        .await?;
    Ok(())
}
