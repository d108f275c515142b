//! What disagrees, as it is told.

use std::fmt;
use std::time::SystemTime;

use catalog::BackupId;
use chain::delete;
use serde::Serialize;
use uuid::Uuid;

/// In which way records and Ceph disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A marker on a volume, of a backup that has no live record.
    MarkerWithoutBackup,
    /// A restore point on a base, of a backup that has no live record.
    PointWithoutBackup,
    /// A base of which no live record knows.
    BaseWithoutBackup,
    /// A base without a restore point, whose backup failed, is gone, or is in another one.
    HalfMadeBase,
    /// A base without a restore point, whose backup was complete once.
    BaseWithoutPoint,
    /// A backup that is available and whose base or restore point is not there.
    BackupWithoutPoint,
    /// A metadata object of a backup that has no live record.
    MetadataWithoutBackup,
    /// A backup that is available and has no metadata object.
    BackupWithoutMetadata,
    /// A backup that was made with checksums and has none any more.
    BackupWithoutChecksums,
    /// Checksums that no restore point needs.
    UnneededChecksums,
    /// A base, or the image of a volume, in the pool's trash.
    ImageInTrash,
    /// A lock that a worker holds which was fenced.
    StaleLock,
    /// A status that says that something is being done, without a job that does it.
    StaleStatus,
    /// A job about something that has no record.
    JobWithoutTarget,
    /// A key, or a part of a journal, of a job that does not run.
    LockWithoutJob,
    /// Two restore points of one backup on its base.
    TwoPoints,
    /// Two markers of one backup on its volume.
    TwoMarkers,
    /// A snapshot of a volume's image that is named as the volume source names them, and that no record needs.
    SnapshotWithoutRecord,
    /// A snapshot that is available and that the volume's image does not have.
    SnapshotWithoutImage,
    /// A volume whose image is smaller than its record says.
    VolumeTooSmall,
    /// A volume in use whose image is not there.
    VolumeWithoutImage,
    /// The image of a volume that was deleted.
    ImageOfDeletedVolume,
    /// An image that is named as a volume's, of which there never was a record.
    ImageWithoutRecord,
    /// A restore point of a live backup whose own one is in another base.
    PointElsewhere,
}

impl Class {
    /// Its name, as in docs/operating.md.
    pub fn name(self) -> &'static str {
        match self {
            Self::MarkerWithoutBackup => "marker-without-backup",
            Self::PointWithoutBackup => "point-without-backup",
            Self::BaseWithoutBackup => "base-without-backup",
            Self::HalfMadeBase => "half-made-base",
            Self::BaseWithoutPoint => "base-without-point",
            Self::BackupWithoutPoint => "backup-without-point",
            Self::MetadataWithoutBackup => "metadata-without-backup",
            Self::BackupWithoutMetadata => "backup-without-metadata",
            Self::BackupWithoutChecksums => "backup-without-checksums",
            Self::UnneededChecksums => "unneeded-checksums",
            Self::ImageInTrash => "image-in-trash",
            Self::StaleLock => "stale-lock",
            Self::StaleStatus => "stale-status",
            Self::JobWithoutTarget => "job-without-target",
            Self::LockWithoutJob => "lock-without-job",
            Self::TwoPoints => "two-points",
            Self::TwoMarkers => "two-markers",
            Self::SnapshotWithoutRecord => "snapshot-without-record",
            Self::SnapshotWithoutImage => "snapshot-without-image",
            Self::VolumeTooSmall => "volume-too-small",
            Self::VolumeWithoutImage => "volume-without-image",
            Self::ImageOfDeletedVolume => "image-of-deleted-volume",
            Self::ImageWithoutRecord => "image-without-record",
            Self::PointElsewhere => "point-elsewhere",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was repaired.
    Repaired,
    /// It can be repaired, and was not asked to be.
    WouldRepair,
    /// It is left to whoever reads this.
    Reported,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repaired => "repaired",
            Self::WouldRepair => "would repair",
            Self::Reported => "reported",
        })
    }
}

/// One thing that disagrees.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// In which way.
    pub class: Class,
    /// What it is.
    pub what: String,
    /// Why it is thought to be so.
    pub why: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was not repaired.
    pub left_because: Option<String>,
    /// How to clear it by hand.
    pub by_hand: String,
    /// How to repair it, where that is safe.
    #[serde(skip)]
    pub(crate) repair: Option<Repair>,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Repair {
    /// Remove a marker from the volume.
    Marker { backup: Uuid, name: String },
    /// Remove a snapshot of the volume's that is no marker.
    Snapshot { name: String },
    /// Remove backups, with their base when the last restore point goes.
    Backups { pool: String, requests: Vec<delete::Request> },
    /// Remove a metadata object.
    Metadata { pool: String, backup: Uuid },
    /// Remove checksums.
    Checksums { pool: String, base: String },
    /// Say that the backup is lost.
    Lost { backup: BackupId, why: String },
}

impl Repair {
    /// The backups that it is about.
    pub(crate) fn backups(&self) -> Vec<Uuid> {
        match self {
            Self::Marker { backup, .. } | Self::Metadata { backup, .. } => vec![*backup],
            Self::Backups { requests, .. } => requests.iter().map(|one| one.reference.backup).collect(),
            Self::Checksums { .. } | Self::Snapshot { .. } => Vec::new(),
            Self::Lost { backup, .. } => vec![backup.0],
        }
    }
}

impl Finding {
    /// Something that is left to whoever reads of it, for this reason.
    pub(crate) fn left(class: Class, what: String, why: String, by_hand: String, because: &str) -> Self {
        let left_because = Some(because.to_owned());
        Self { class, what, why, outcome: Outcome::Reported, left_because, by_hand, repair: None }
    }

    /// Something that can be repaired, unless it is younger than the oldest job in the queue.
    pub(crate) fn repairable(
        class: Class,
        what: String,
        why: String,
        by_hand: String,
        repair: impl Into<Option<Repair>>,
        age: Age,
    ) -> Self {
        if age.is_young() {
            return Self::left(class, what, why, by_hand, YOUNG);
        }
        let outcome = Outcome::WouldRepair;
        Self { class, what, why, outcome, left_because: None, by_hand, repair: repair.into() }
    }

    /// It was not repaired after all.
    pub(crate) fn leave(&mut self, because: String) {
        self.outcome = Outcome::Reported;
        self.left_because = Some(because);
    }
}

/// Why what is young is left alone.
pub(crate) const YOUNG: &str = "it is younger than a job in the queue; run this again when that job has ended";

/// When something came to be, and before when it must have to be touched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Age {
    pub(crate) made: Option<SystemTime>,
    pub(crate) horizon: Option<SystemTime>,
}

impl Age {
    fn is_young(self) -> bool {
        matches!((self.made, self.horizon), (Some(made), Some(horizon)) if made >= horizon)
    }
}
