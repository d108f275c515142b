//! Why a chain operation did not succeed.

use uuid::Uuid;

use crate::control::Interrupted;

/// A failure of a chain operation. The texts end up in `fail_reason` and are read by users: they say what is
/// wrong and, where somebody can do something about it, what.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Ceph failed.
    #[error(transparent)]
    Ceph(#[from] rbd::Error),
    /// Somebody asked for the job to be cancelled, or this worker must not go on with it.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The volume's image is gone.
    #[error("the volume's image {image} does not exist")]
    NoVolumeImage {
        /// `pool/image`.
        image: String,
    },
    /// The snapshot that was to be backed up is gone.
    #[error("the volume's image {image} has no snapshot {snapshot}")]
    NoVolumeSnapshot {
        /// `pool/image`.
        image: String,
        /// The snapshot's name.
        snapshot: String,
    },
    /// The base image is gone.
    #[error("the backup's base image is missing: none of {images} exists in pool {pool}")]
    NoBase {
        /// The names that were looked for.
        images: String,
        /// The pool.
        pool: String,
    },
    /// What was being read is no longer there.
    #[error("{image}, or the snapshot of it that was being copied, was removed during the copy")]
    SourceVanished {
        /// `pool/image`.
        image: String,
    },
    /// A snapshot was made without its object map, as librbd does when there is no space for it, or when the image
    /// has lost its own: `rbd` could not open it.
    #[error(
        "snapshot {snapshot} of {image} could not be made whole, its object map is missing: either the pool is \
         full, or the image has lost its own, which `rbd object-map rebuild {image}` mends"
    )]
    HalfSnapshot {
        /// `pool/image`.
        image: String,
        /// The snapshot's name.
        snapshot: String,
    },
    /// An object of the volume is there and its snapshot's object map does not know of it, so that it reads as zeroes.
    #[error(
        "`rbd object-map rebuild {image}`, then create the backup again: that map does not know of the data at byte \
         {offset}, which can not be read for it"
    )]
    StaleMap {
        /// `pool/image@snapshot`.
        image: String,
        /// Where that data begins, bytes.
        offset: u64,
    },
    /// An image is still there after its removal.
    #[error("{image} could not be removed: most likely the pool is full")]
    NotRemoved {
        /// `pool/image`.
        image: String,
    },
    /// The base is there, the backup's snapshot on it is not. Reading the head instead would give another
    /// point in time (format spec 3.6).
    #[error("{image} has no restore point of backup {backup}, {}", if *others { "but some of other backups" } else { "nor of any other" })]
    NoRestorePoint {
        /// `pool/image`.
        image: String,
        /// The backup.
        backup: Uuid,
        /// Whether it has restore points of other backups.
        others: bool,
    },
    /// What a backup holds is not what its checksums say.
    #[error(
        "the backup is damaged: it differs from its checksums, first at byte {offset}, in {regions} places of 4 MiB \
         ({image})"
    )]
    Damaged {
        /// `pool/image@snapshot`.
        image: String,
        /// Where the first difference begins, bytes, a multiple of 4 MiB.
        offset: u64,
        /// How many places of 4 MiB were found to differ.
        regions: usize,
    },
    /// What a backup holds is not what the volume held.
    #[error("the backup is damaged: it differs from the volume's own snapshot at byte {offset} ({image}, {snapshot})")]
    Differs {
        /// `pool/image@snapshot` of the backup.
        image: String,
        /// `pool/image@snapshot` of the volume.
        snapshot: String,
        /// Where the difference was found: the first byte of the piece that was compared.
        offset: u64,
    },
    /// The restore point is not as large as it was when it was made.
    #[error("the backup was cut: it has {found} bytes instead of {expected} ({image})")]
    Truncated {
        /// `pool/image@snapshot`.
        image: String,
        /// Its size now, bytes.
        found: u64,
        /// Its size when it was made, bytes.
        expected: u64,
    },
    /// What is written to a volume does not stay there: most likely its object map does not know of an object.
    #[error(
        "{image} still differs from the backup at byte {offset} after that was written: most likely its object map is \
         wrong, which `rbd object-map rebuild {image}` mends; restore again"
    )]
    NotMended {
        /// `pool/image`.
        image: String,
        /// Where the first difference begins, bytes, a multiple of 4 MiB.
        offset: u64,
    },
    /// A disk can not read what it holds, and has no other copy.
    #[error("the backup is damaged: its data can not be read ({0})")]
    Unreadable(rbd::Error),
    /// The recorded checksums can not be read.
    #[error("the backup's checksums can not be read: {reason} ({key}, {image})")]
    BadSums {
        /// `pool/image`.
        image: String,
        /// The key in the image's metadata.
        key: String,
        /// Why.
        reason: String,
    },
    /// Two snapshots claim to be the backup.
    #[error("{image} has {count} restore points of backup {backup}: it can not be told which is right")]
    AmbiguousRestorePoint {
        /// `pool/image`.
        image: String,
        /// The backup.
        backup: Uuid,
        /// How many.
        count: usize,
    },
    /// A new base would have the name of an image that is somebody else's.
    #[error("{image} exists already and holds other backups")]
    BaseTaken {
        /// `pool/image`.
        image: String,
    },
    /// The base has snapshots that are no backups, so that it can not be removed.
    #[error("{image} has snapshots that are no backups ({snapshots}): remove them, then delete the backup again")]
    ForeignSnapshots {
        /// `pool/image`.
        image: String,
        /// Their names.
        snapshots: String,
    },
    /// The restore point has clones.
    #[error(
        "restore point {snapshot} of {image} is protected and has clones: flatten or remove them, then delete the backup again"
    )]
    Cloned {
        /// `pool/image`.
        image: String,
        /// The snapshot's name.
        snapshot: String,
    },
    /// An image name in the records is not one that a backup can have.
    #[error("the backup's record names the image {image:?}, which is not a base of volume {volume}")]
    StrangeBase {
        /// The name.
        image: String,
        /// The volume.
        volume: Uuid,
    },
    /// The metadata object is too large for Cinder to read.
    #[error("the volume's metadata takes {len} bytes, more than the {limit} that can be stored with a backup")]
    MetadataTooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The metadata object can not be understood.
    #[error("the metadata object {object} can not be read: {reason}")]
    BadMetadata {
        /// The object.
        object: String,
        /// Why.
        reason: String,
    },
}

/// The result of a chain operation.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether the operation was stopped from outside rather than having failed.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted(_))
    }

    /// A failure of reading `backup`: where Ceph can not read what it holds, the backup is damaged.
    pub(crate) fn reading(self, backup: &rbd::Image) -> Self {
        match self {
            Self::Ceph(error) if error.errno == rbd::Errno::IO && error.object == backup.path() => {
                Self::Unreadable(error)
            }
            other => other,
        }
    }

    /// Whether the backup itself is damaged: reading it again will not help.
    pub fn is_damage(&self) -> bool {
        self.is_corruption() || matches!(self, Self::NoBase { .. } | Self::NoRestorePoint { .. })
    }

    /// Whether the backup was read, and holds something else than was backed up.
    pub fn is_corruption(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. }
                | Self::Differs { .. }
                | Self::Truncated { .. }
                | Self::Unreadable(_)
                | Self::BadSums { .. }
        )
    }
}
