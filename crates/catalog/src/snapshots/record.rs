//! A snapshot's row.

use sqlx::{FromRow, PgConnection};

use crate::page::Scope;
use crate::text_enum::text_enum;
use crate::{Metadata, ProjectId, Result, SnapshotId, Time, UserId, VolumeId};

text_enum! {
    /// What a snapshot is doing (API spec 5.1).
    Status {
        /// It is being made.
        Creating = "creating",
        /// It can be used.
        Available = "available",
        /// It is being removed.
        Deleting = "deleting",
        /// Making it failed.
        Error = "error",
        /// Removing it failed.
        ErrorDeleting = "error_deleting",
        /// It is gone; no live row has this.
        Deleted = "deleted",
        /// It is being changed.
        Updating = "updating",
        /// It is being let go.
        Unmanaging = "unmanaging",
        /// It is being backed up.
        BackingUp = "backing-up",
        /// Its volume is being set back to it.
        Restoring = "restoring",
    }
}

impl Status {
    /// Whether something failed: such a snapshot is not to be used.
    pub(crate) fn is_broken(self) -> bool {
        matches!(self, Self::Error | Self::ErrorDeleting)
    }
}

/// A snapshot's row.
#[derive(Debug, Clone, FromRow)]
pub struct Snapshot {
    /// The snapshot's id.
    pub id: SnapshotId,
    /// The volume that it is a snapshot of.
    pub volume_id: VolumeId,
    /// The project that owns it.
    pub project_id: ProjectId,
    /// The user who made it.
    pub user_id: UserId,
    /// The user's name for it.
    pub name: Option<String>,
    /// The user's description.
    pub description: Option<String>,
    /// The volume's size in GiB when it was made.
    pub size_gib: i32,
    /// What it is doing.
    pub status: Status,
    /// How far it has come, as text with a percent sign.
    pub progress: Option<String>,
    /// The user's metadata.
    #[sqlx(json)]
    pub metadata: Metadata,
    /// When the row was made.
    pub created_at: Time,
    /// When the row last changed.
    pub updated_at: Option<Time>,
    /// When it was deleted.
    pub deleted_at: Option<Time>,
}

/// The select list of [`Snapshot`] over the alias `s`.
macro_rules! snapshot_columns {
    () => {
        "s.id, s.volume_id, s.project_id, s.user_id, s.name, s.description, s.size_gib, s.status, s.progress,
         s.metadata, s.created_at, s.updated_at, s.deleted_at"
    };
}
pub(super) use snapshot_columns;

/// Locks the row of a live snapshot until the transaction ends.
async fn lock(tx: &mut PgConnection, id: SnapshotId) -> Result<Option<Snapshot>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        snapshot_columns!(),
        " FROM snapshots AS s WHERE s.id = $1 AND s.deleted_at IS NULL FOR UPDATE"
    ))
    .bind(id)
    .fetch_optional(tx)
    .await?)
}

/// As [`lock`], for a snapshot that is in the scope.
pub(crate) async fn lock_in(tx: &mut PgConnection, id: SnapshotId, scope: &Scope) -> Result<Option<Snapshot>> {
    Ok(lock(tx, id)
        .await?
        .filter(|snapshot| scope.project().is_none_or(|project| project == snapshot.project_id.as_str())))
}
