//! What is limited.

use std::fmt;

/// A thing of which a project may have only so much.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The number of volumes.
    Volumes,
    /// The size of the largest volume, in GiB.
    PerVolumeGigabytes,
    /// The number of snapshots.
    Snapshots,
    /// The size of all volumes and snapshots together, in GiB.
    Gigabytes,
    /// The number of backups.
    Backups,
    /// The size of all backups together, in GiB; an incremental one counts in full.
    BackupGigabytes,
    /// The number of volumes of the type of this name.
    VolumesOfType(String),
    /// The size of all volumes and snapshots of the type of this name, in GiB.
    GigabytesOfType(String),
    /// The number of snapshots of volumes of the type of this name.
    SnapshotsOfType(String),
    /// The number of volume groups. There are none here, so its usage is always 0.
    Groups,
}

impl Resource {
    /// Every resource of an installation whose types have these names, in the order in which they are shown.
    pub(super) fn all<'a>(types: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut all = vec![
            Self::Volumes,
            Self::PerVolumeGigabytes,
            Self::Snapshots,
            Self::Gigabytes,
            Self::Backups,
            Self::BackupGigabytes,
        ];
        for name in types {
            all.extend(Self::of_type(name));
        }
        all.push(Self::Groups);
        all
    }

    /// The three resources that a volume type adds.
    fn of_type(name: &str) -> [Self; 3] {
        [
            Self::VolumesOfType(name.to_owned()),
            Self::GigabytesOfType(name.to_owned()),
            Self::SnapshotsOfType(name.to_owned()),
        ]
    }

    /// The limit that holds where nobody has set one; -1 is none.
    pub(super) fn built_in_limit(&self) -> i32 {
        match self {
            Self::Volumes | Self::Snapshots | Self::Backups | Self::Groups => 10,
            Self::Gigabytes | Self::BackupGigabytes => 1000,
            Self::PerVolumeGigabytes | Self::VolumesOfType(_) | Self::GigabytesOfType(_) | Self::SnapshotsOfType(_) => {
                -1
            }
        }
    }

    /// Whether it is measured in GiB rather than counted.
    pub fn is_size(&self) -> bool {
        match self {
            Self::PerVolumeGigabytes | Self::Gigabytes | Self::BackupGigabytes | Self::GigabytesOfType(_) => true,
            Self::Volumes
            | Self::Snapshots
            | Self::Backups
            | Self::Groups
            | Self::VolumesOfType(_)
            | Self::SnapshotsOfType(_) => false,
        }
    }
}

impl fmt::Display for Resource {
    /// The key under which it stands in a quota set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Volumes => f.write_str("volumes"),
            Self::PerVolumeGigabytes => f.write_str("per_volume_gigabytes"),
            Self::Snapshots => f.write_str("snapshots"),
            Self::Gigabytes => f.write_str("gigabytes"),
            Self::Backups => f.write_str("backups"),
            Self::BackupGigabytes => f.write_str("backup_gigabytes"),
            Self::VolumesOfType(name) => write!(f, "volumes_{name}"),
            Self::GigabytesOfType(name) => write!(f, "gigabytes_{name}"),
            Self::SnapshotsOfType(name) => write!(f, "snapshots_{name}"),
            Self::Groups => f.write_str("groups"),
        }
    }
}
