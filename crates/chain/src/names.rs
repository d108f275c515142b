//! Names on disk (format spec 1.1 and 1.3). A name is a label: ownership is never derived from the id in it.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// The base image of a full backup: `volume-<volume>.backup.<backup>`.
pub fn base_image(volume: Uuid, backup: Uuid) -> String {
    format!("volume-{volume}.backup.{backup}")
}

/// The base image of old releases of Cinder, and of its snapshot-sourced backups. Read and deleted here,
/// never created (format spec 5.5).
pub fn legacy_base_image(volume: Uuid) -> String {
    format!("volume-{volume}.backup.base")
}

/// The object with a backup's volume metadata.
pub fn metadata_object(backup: Uuid) -> String {
    format!("backup.{backup}.meta")
}

/// The key in an image's metadata that says that a deletion moved it to the trash: anybody may put an image there to keep
/// it for a while, and such a one is not ours to purge.
pub const TRASHED: &str = "cindervault.trashed";

/// The image of a volume.
pub fn volume_image(volume: Uuid) -> String {
    format!("volume-{volume}")
}

/// The RBD snapshot of a volume snapshot.
pub fn volume_snapshot(snapshot: Uuid) -> String {
    format!("snapshot-{snapshot}")
}

/// The RBD snapshot of a volume from which another one, the `copy`, is made.
pub fn copy_snapshot(copy: Uuid) -> String {
    format!("volume-{copy}.clone_snap")
}

/// A backup's snapshot on the volume and on the base: `backup.<backup>.snap.<seconds>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    backup: Uuid,
    name: String,
}

impl Marker {
    /// A marker for `backup` at a time.
    pub fn new(backup: Uuid, at: SystemTime) -> Self {
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // `{:?}` is the shortest text that reads back as the same double, with a fraction: what Python writes
        Self { backup, name: format!("backup.{backup}.snap.{seconds:?}") }
    }

    /// Reads a snapshot's name. `None` for one that is no marker.
    pub fn parse(name: &str) -> Option<Self> {
        let (id, seconds) = name.strip_prefix("backup.")?.split_once(".snap.")?;
        let backup = Uuid::try_parse(id).ok()?;
        // Cinder writes ids in lower case with hyphens; anything else is not its (nor our) marker
        (backup.to_string() == id && !seconds.is_empty()).then(|| Self { backup, name: name.to_owned() })
    }

    /// The backup that it marks.
    pub fn backup(&self) -> Uuid {
        self.backup
    }

    /// The snapshot's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ID: Uuid = Uuid::from_u128(0x42f0_898e_c1ae_408b_ad89_9301_f960_fc11);

    #[test]
    fn names_are_those_of_cinder() {
        let volume = Uuid::from_u128(1);
        assert_eq!(
            base_image(volume, ID),
            "volume-00000000-0000-0000-0000-000000000001.backup.42f0898e-c1ae-408b-ad89-9301f960fc11"
        );
        assert_eq!(legacy_base_image(volume), "volume-00000000-0000-0000-0000-000000000001.backup.base");
        assert_eq!(metadata_object(ID), "backup.42f0898e-c1ae-408b-ad89-9301f960fc11.meta");
    }

    #[test]
    fn a_marker_has_the_time_as_python_writes_it() {
        let whole = Marker::new(ID, UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        assert_eq!(whole.name(), "backup.42f0898e-c1ae-408b-ad89-9301f960fc11.snap.1700000000.0");
        let fraction = Marker::new(ID, UNIX_EPOCH + Duration::from_nanos(1_795_326_352_681_859_500));
        assert_eq!(fraction.name(), "backup.42f0898e-c1ae-408b-ad89-9301f960fc11.snap.1795326352.6818595");
    }

    proptest::proptest! {
        #[test]
        fn a_marker_that_is_made_is_read(bits: u128, seconds in 0..=u64::from(u32::MAX), nanos in 0..1_000_000_000_u32) {
            let backup = Uuid::from_u128(bits);
            let marker = Marker::new(backup, UNIX_EPOCH + Duration::new(seconds, nanos));
            proptest::prop_assert_eq!(marker.backup(), backup);
            proptest::prop_assert_eq!(Marker::parse(marker.name()), Some(marker.clone()));
            proptest::prop_assert_eq!(marker.to_string(), marker.name());
        }

        #[test]
        fn any_snapshots_name_is_a_marker_or_none(
            name in "\\PC{0,60}|backup\\.[0-9a-fA-F-]{30,38}\\.snap\\.\\PC{0,12}",
            bits: u128,
            at in "\\PC{0,12}",
        ) {
            if let Some(marker) = Marker::parse(&name) {
                proptest::prop_assert_eq!(marker.name(), &name);
                let start = format!("backup.{}.snap.", marker.backup());
                proptest::prop_assert!(name.starts_with(&start) && name.len() > start.len());
            }
            let made = format!("backup.{}.snap.{at}", Uuid::from_u128(bits));
            proptest::prop_assert_eq!(Marker::parse(&made).is_some(), !at.is_empty());
        }
    }

    #[test]
    fn only_markers_are_read_as_markers() {
        let marker = Marker::new(ID, UNIX_EPOCH + Duration::from_millis(1_700_000_000_125));
        assert_eq!(Marker::parse(marker.name()), Some(marker));
        for name in [
            "snapshot-42f0898e-c1ae-408b-ad89-9301f960fc11",
            "backup.42F0898E-C1AE-408B-AD89-9301F960FC11.snap.1.0",
            "backup.42f0898ec1ae408bad899301f960fc11.snap.1.0",
            "backup.42f0898e-c1ae-408b-ad89-9301f960fc11.snap.",
            "backup.x.snap.1.0",
            "xbackup.42f0898e-c1ae-408b-ad89-9301f960fc11.snap.1.0",
        ] {
            assert_eq!(Marker::parse(name), None, "{name}");
        }
    }
}
