//! What a job is to do, and which keys it needs for that.

use serde::{Deserialize, Serialize};

use crate::{BackupId, SnapshotId, VolumeId};

/// What a job is to do. Stored as JSON in the job's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    /// Back a volume or a snapshot up (the backup row is `creating`).
    BackupCreate {
        /// The backup.
        backup: BackupId,
        /// Its volume.
        volume: VolumeId,
        /// Whether the user asked for an incremental one.
        incremental: bool,
    },
    /// Delete a backup (the row is `deleting`).
    BackupDelete {
        /// The backup.
        backup: BackupId,
        /// Its volume.
        volume: VolumeId,
    },
    /// Restore a backup (the row is `restoring`).
    BackupRestore {
        /// The backup.
        backup: BackupId,
        /// The volume that is written. Its row is `restoring-backup`, or `creating` for a volume made from a backup.
        volume: VolumeId,
        /// Whether the volume's image has still to be made.
        new_volume: bool,
    },
    /// Read a backup back and compare it with its checksums, because somebody wants to know.
    BackupVerify {
        /// The backup.
        backup: BackupId,
    },
    /// The same, because it was not done for long: slowly, beside everything else.
    BackupScrub {
        /// The backup.
        backup: BackupId,
    },
    /// Remove from a volume what its next incremental backup does not need.
    SourceTrim {
        /// The volume.
        volume: VolumeId,
    },
    /// Look at what an imported record names and make it `available`.
    BackupImport {
        /// The backup, whose row is `creating`.
        backup: BackupId,
        /// The record's driver text, matched against our own.
        service: String,
        /// The decoded record, as it came.
        record: serde_json::Value,
    },
    /// Make a volume's image (the row is `creating`).
    VolumeCreate {
        /// The volume.
        volume: VolumeId,
        /// What it is made from; nothing for an empty one.
        from: Option<VolumeOrigin>,
    },
    /// Delete a volume's image (the row is `deleting`), and its snapshots first when `cascade` is set.
    VolumeDelete {
        /// The volume.
        volume: VolumeId,
        /// Delete its snapshots too.
        cascade: bool,
    },
    /// Grow a volume's image (the row is `extending`).
    VolumeExtend {
        /// The volume.
        volume: VolumeId,
        /// The new size in GiB.
        new_size_gib: i32,
        /// The status to go back to.
        previous_status: String,
    },
    /// Make a snapshot of a volume's image (the row is `creating`).
    SnapshotCreate {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Its volume.
        volume: VolumeId,
    },
    /// Compare everything with what is on Ceph. Begun by the worker that has it: whoever takes it over ends it.
    Reconcile,
    /// Repair what was found to disagree about a volume's backups. As with [`Self::Reconcile`].
    ReconcileVolume {
        /// The volume.
        volume: VolumeId,
        /// The backups of which something is left.
        backups: Vec<BackupId>,
    },
    /// Delete a snapshot (the row is `deleting`).
    SnapshotDelete {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Its volume.
        volume: VolumeId,
    },
}

/// What a new volume's content is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeOrigin {
    /// A snapshot, with the volume that it is a snapshot of.
    Snapshot(SnapshotId, VolumeId),
    /// Another volume as it stands.
    Volume(VolumeId),
}

/// Jobs are claimed in lanes, so that a snapshot never waits for a long copy, nor a copy for what may take days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Creates and restores of backups: they move data.
    Copy,
    /// Verifications that somebody asked for: they only read, and hold up nobody.
    Verify,
    /// Verifications whose turn it is.
    Scrub,
    /// Everything else.
    Light,
}

impl JobSpec {
    /// The job's kind as stored in the `kind` column.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BackupCreate { .. } => "backup_create",
            Self::BackupDelete { .. } => "backup_delete",
            Self::BackupRestore { .. } => "backup_restore",
            Self::BackupVerify { .. } => "backup_verify",
            Self::BackupScrub { .. } => "backup_scrub",
            Self::SourceTrim { .. } => "source_trim",
            Self::BackupImport { .. } => "backup_import",
            Self::VolumeCreate { .. } => "volume_create",
            Self::VolumeDelete { .. } => "volume_delete",
            Self::VolumeExtend { .. } => "volume_extend",
            Self::Reconcile => "reconcile",
            Self::ReconcileVolume { .. } => "reconcile_volume",
            Self::SnapshotCreate { .. } => "snapshot_create",
            Self::SnapshotDelete { .. } => "snapshot_delete",
        }
    }

    pub(crate) fn target(&self) -> uuid::Uuid {
        match *self {
            // there is one at a time
            Self::Reconcile => uuid::Uuid::nil(),
            Self::BackupCreate { backup, .. }
            | Self::BackupDelete { backup, .. }
            | Self::BackupRestore { backup, .. }
            | Self::BackupVerify { backup }
            | Self::BackupScrub { backup }
            | Self::BackupImport { backup, .. } => backup.0,
            Self::VolumeCreate { volume, .. }
            | Self::ReconcileVolume { volume, .. }
            | Self::VolumeDelete { volume, .. }
            | Self::VolumeExtend { volume, .. }
            | Self::SourceTrim { volume } => volume.0,
            Self::SnapshotCreate { snapshot, .. } | Self::SnapshotDelete { snapshot, .. } => snapshot.0,
        }
    }

    /// The keys that must be free for the job to run, sorted, so that two claims can not deadlock.
    pub(crate) fn lock_keys(&self) -> Vec<String> {
        let mut keys = match *self {
            Self::Reconcile => vec!["reconcile".to_owned()],
            Self::ReconcileVolume { volume, ref backups } => {
                let own = [format!("volume:{volume}"), format!("chain:{volume}")];
                own.into_iter().chain(backups.iter().map(|backup| format!("backup:{backup}"))).collect()
            }
            Self::BackupCreate { volume, .. } | Self::SourceTrim { volume } => {
                vec![format!("volume:{volume}"), format!("chain:{volume}")]
            }
            // what is being restored is not deleted, whatever its status is set to meanwhile
            Self::BackupDelete { backup, volume } => {
                vec![format!("volume:{volume}"), format!("chain:{volume}"), format!("backup:{backup}")]
            }
            Self::BackupRestore { backup, volume, .. } => {
                vec![format!("volume:{volume}"), format!("backup:{backup}")]
            }
            Self::VolumeDelete { volume, .. }
            | Self::VolumeExtend { volume, .. }
            | Self::SnapshotCreate { volume, .. }
            | Self::SnapshotDelete { volume, .. }
            | Self::VolumeCreate { volume, from: None } => vec![format!("volume:{volume}")],
            Self::VolumeCreate {
                volume,
                from: Some(VolumeOrigin::Snapshot(_, origin) | VolumeOrigin::Volume(origin)),
            } => vec![format!("volume:{volume}"), format!("volume:{origin}")],
            Self::BackupImport { backup, .. } => vec![format!("backup:{backup}")],
            // only reads; what is removed under it is told from damage by the backup's status
            Self::BackupVerify { .. } | Self::BackupScrub { .. } => Vec::new(),
        };
        keys.sort_unstable();
        keys
    }
}

/// The lane of a job's kind, as the index of the waiting jobs has it.
macro_rules! lane {
    () => {
        "(CASE WHEN kind IN ('backup_create', 'backup_restore') THEN 'copy'
               WHEN kind = 'backup_verify' THEN 'verify'
               WHEN kind = 'backup_scrub' THEN 'scrub'
               ELSE 'light' END)"
    };
}

pub(crate) use lane;

impl Lane {
    /// Its name in the index of the waiting jobs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Verify => "verify",
            Self::Scrub => "scrub",
            Self::Light => "light",
        }
    }

    pub(super) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Copy => &["backup_create", "backup_restore"],
            Self::Verify => &["backup_verify"],
            Self::Scrub => &["backup_scrub"],
            Self::Light => &[
                "backup_delete",
                "backup_import",
                "source_trim",
                "volume_create",
                "volume_delete",
                "volume_extend",
                "snapshot_create",
                "snapshot_delete",
                "reconcile",
                "reconcile_volume",
            ],
        }
    }
}
