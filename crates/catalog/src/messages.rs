//! User messages: what a user is told of a job that did not go as asked (API spec 10.2).

mod read;

use sqlx::PgConnection;
use uuid::Uuid;

pub use read::{Message, TABLE};

use crate::text_enum::text_enum;
use crate::{ProjectId, Result, VolumeId};

text_enum! {
    /// What was being done, by the reference's action ids.
    Action {
        /// A place was looked for, for a volume.
        ScheduleVolume = "001",
        /// A backup was being made.
        CreateBackup = "013",
        /// A backup was being deleted.
        DeleteBackup = "014",
        /// A backup was being restored.
        RestoreBackup = "015",
        /// A backup was read back and compared with its checksums; not one of the reference's.
        VerifyBackup = "900",
    }
}

text_enum! {
    /// What went wrong, by the reference's detail ids.
    Detail {
        /// No pool has what the volume's type asks for, or takes new volumes.
        NoBackend = "003",
        /// The backup was not in the status that the job starts from.
        BackupStatus = "017",
        /// The worker could not reach the backup pool at all.
        ServiceDown = "018",
        /// Making the backup failed.
        DriverCreateFailed = "020",
        /// No worker took the backup.
        NoService = "024",
        /// Deleting the backup failed.
        DriverDeleteFailed = "025",
        /// Restoring the backup failed.
        DriverRestoreFailed = "026",
        /// The volume was not in the status that a restore starts from.
        VolumeStatus = "027",
        /// An incremental backup became a full one.
        IncrementalForcedFull = "030",
        /// It was cancelled. Not one of the reference's, which has no such thing.
        Cancelled = "901",
        /// A backup does not hold what was backed up; not one of the reference's.
        BackupDamaged = "900",
        /// The volume's metadata that is kept with a backup can not be read; not one of the reference's.
        MetadataUnreadable = "902",
        /// The volume's own snapshot is not what was backed up from it; not one of the reference's.
        SourceDiffers = "903",
    }
}

impl Action {
    /// The text before the colon.
    pub fn text(self) -> &'static str {
        match self {
            Self::ScheduleVolume => "schedule allocate volume",
            Self::CreateBackup => "create backup",
            Self::DeleteBackup => "delete backup",
            Self::RestoreBackup => "restore backup",
            Self::VerifyBackup => "verify backup",
        }
    }

    /// The kind of thing that it was done to.
    fn resource_type(self) -> &'static str {
        match self {
            Self::ScheduleVolume => "VOLUME",
            Self::CreateBackup | Self::DeleteBackup | Self::RestoreBackup | Self::VerifyBackup => "VOLUME_BACKUP",
        }
    }
}

impl Detail {
    /// The text after the colon.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoBackend => "Could not find any available weighted backend.",
            Self::BackupStatus => "Backup status is invalid.",
            Self::ServiceDown => "Backup service is down.",
            Self::DriverCreateFailed => "Backup driver failed to create backup.",
            Self::NoService => "Backup failed to schedule. Service not found for creating backup.",
            Self::DriverDeleteFailed => "Backup driver failed to delete backup.",
            Self::DriverRestoreFailed => "Backup driver failed to restore backup.",
            Self::VolumeStatus => "Volume status is invalid.",
            Self::IncrementalForcedFull => "Incremental backup not possible, forcing full backup.",
            Self::Cancelled => "The operation was cancelled.",
            Self::BackupDamaged => "The backup is damaged and can not be restored; its fail_reason says how.",
            Self::MetadataUnreadable => {
                "The volume's name and metadata that are kept with the backup can not be read, and are not restored; \
                 its data is whole."
            }
            Self::SourceDiffers => {
                "The backup is sound, but the volume is no longer what was backed up: its data may be damaged. \
                 Restore the backup."
            }
        }
    }
}

/// A message that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Who may read it.
    pub project_id: ProjectId,
    /// The request that asked for what failed.
    pub request_id: Option<String>,
    /// The backup or volume.
    pub resource_uuid: Uuid,
    /// What was being done.
    pub action: Action,
    /// What went wrong.
    pub detail: Detail,
}

/// Stores a message as part of the caller's transaction.
///
/// # Errors
/// The database failed.
pub async fn add(tx: &mut PgConnection, message: &NewMessage) -> Result<()> {
    sqlx::query(
        "INSERT INTO messages (project_id, request_id, resource_type, resource_uuid, action_id, detail_id)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&message.project_id)
    .bind(&message.request_id)
    .bind(message.action.resource_type())
    .bind(message.resource_uuid)
    .bind(message.action)
    .bind(message.detail)
    .execute(tx)
    .await?;
    Ok(())
}

/// What a project is told of a volume for which there is no pool.
pub(crate) fn no_backend(volume: VolumeId, project: &ProjectId, request_id: Option<&str>) -> NewMessage {
    NewMessage {
        project_id: project.clone(),
        request_id: request_id.map(str::to_owned),
        resource_uuid: volume.0,
        action: Action::ScheduleVolume,
        detail: Detail::NoBackend,
    }
}
