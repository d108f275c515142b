//! A backup as it is stored.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::DRIVER;
use crate::page::Scope;
use crate::text_enum::text_enum;
use crate::{BackupId, Metadata, ProjectId, Result, SnapshotId, Time, UserId, VolumeId};

/// The `volume_id` of a backup whose import is still in flight (API spec 5.8).
pub const NO_VOLUME: VolumeId = VolumeId(Uuid::nil());

text_enum! {
    /// What a backup is doing (API spec 5.1).
    Status {
        /// It is being made, or waits for a worker to make it.
        Creating = "creating",
        /// It is complete and can be restored.
        Available = "available",
        /// It is being deleted.
        Deleting = "deleting",
        /// Something failed; `fail_reason` says what.
        Error = "error",
        /// It is being restored.
        Restoring = "restoring",
        /// It could not be deleted.
        ErrorDeleting = "error_deleting",
        /// It is gone; no live row has this.
        Deleted = "deleted",
    }
}

/// A row of `backups`; the fields are the columns.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Backup {
    /// Its id.
    pub id: BackupId,
    /// The project it belongs to and is charged to.
    pub project_id: ProjectId,
    /// Who made it.
    pub user_id: UserId,
    /// The volume it was made of; [`NO_VOLUME`] while an import is in flight.
    pub volume_id: VolumeId,
    /// The snapshot it was made of, if it was one.
    pub snapshot_id: Option<SnapshotId>,
    /// The backup that it is an increment to.
    pub parent_id: Option<BackupId>,
    /// The volume that it was last restored to.
    pub restore_volume_id: Option<VolumeId>,
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its status.
    pub status: Status,
    /// Why it is in an error status, at most 255 characters.
    pub fail_reason: Option<String>,
    /// The volume's size when it was made.
    pub size_gib: i32,
    /// Objects that the driver wrote; always 0 with RBD.
    pub object_count: i32,
    /// The pool that it is in, or was asked to be in.
    pub container: Option<String>,
    /// The zone asked for, then that of the worker that made it.
    pub availability_zone: Option<String>,
    /// The host of the worker that made it.
    pub host: Option<String>,
    /// The driver's class path; `None` until a worker has taken it.
    pub service: Option<String>,
    /// The driver's own text: which image the backup is in.
    pub service_metadata: Option<String>,
    /// Whether it was made with checksums, which its image must then have.
    pub checksums: bool,
    /// The key of an encrypted volume.
    pub encryption_key_id: Option<Uuid>,
    /// The user's key-value pairs.
    #[sqlx(json)]
    pub metadata: Metadata,
    /// The point in time whose data it holds.
    pub data_timestamp: Option<Time>,
    /// When it was asked for.
    pub created_at: Time,
    /// When the row last changed.
    pub updated_at: Option<Time>,
    /// When it was deleted; live rows have none.
    pub deleted_at: Option<Time>,
}

/// A backup that another driver made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the backup service currently configured [{DRIVER}] is not the backup service that was used to create this backup [{0}]"
)]
pub struct AnotherDriver(String);

impl Backup {
    /// Says so where another driver than ours made it: its data is not for us to touch. A name of ours from
    /// before drivers were classes is the beginning of today's (format spec 6.2).
    ///
    /// # Errors
    /// Another driver made it.
    pub fn must_be_ours(&self) -> std::result::Result<(), AnotherDriver> {
        match &self.service {
            Some(service) if !DRIVER.starts_with(service.as_str()) => Err(AnotherDriver(service.clone())),
            _ => Ok(()),
        }
    }

    /// The zone whose workers are meant to work on it.
    pub fn zone(&self) -> Option<&str> {
        self.availability_zone.as_deref().filter(|zone| !zone.is_empty())
    }
}

/// Locks the row of a live backup that is in the scope, until the transaction ends.
pub(crate) async fn lock_in(tx: &mut PgConnection, id: BackupId, scope: &Scope) -> Result<Option<Backup>> {
    Ok(sqlx::query_as(
        "SELECT id, project_id, user_id, volume_id, snapshot_id, parent_id, restore_volume_id, name, description, status,
                fail_reason, size_gib, object_count, container, availability_zone, host, service, service_metadata,
                checksums, encryption_key_id, metadata, data_timestamp, created_at, updated_at, deleted_at
           FROM backups
          WHERE id = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR project_id = $2)
            FOR UPDATE",
    )
    .bind(id)
    .bind(scope.project())
    .fetch_optional(tx)
    .await?)
}
