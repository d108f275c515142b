//! A volume's image, and the snapshots that are on it.

use catalog::snapshots;
use chain::names::{volume_image, volume_snapshot};
use chain::scan::{Mark, Purpose, Volume};

use super::{Look, NOT_OURS, Whose};
use crate::images;
use crate::reconcile::finding::{Class, Finding, Repair};

impl Look<'_> {
    pub(super) fn volume(&self, found: &mut Vec<Finding>) {
        let (pool, volume) = (&self.seen.volumes_pool, self.seen.volume);
        let path = format!("{pool}/{}", volume_image(volume));
        let Some(image) = &self.seen.image else {
            if let Some(record) = &self.records.volume
                && !record.deleted
                && has_image(record.status)
            {
                found.push(Finding::left(
                    Class::VolumeWithoutImage,
                    format!("volume {volume}"),
                    format!("it is {}, and there is no image {path}", record.status),
                    format!("openstack volume set --state error {volume}"),
                    "what became of it can not be told",
                ));
            }
            return;
        };
        let by_hand = format!("rbd snap purge {path} && rbd rm {path}");
        match &self.records.volume {
            Some(record) if !record.deleted => {}
            Some(_) => found.push(Finding::left(
                Class::ImageOfDeletedVolume,
                path.clone(),
                format!("volume {volume} is recorded as deleted"),
                by_hand,
                "data of a user is never removed without being asked for",
            )),
            None => found.push(Finding::left(
                Class::ImageWithoutRecord,
                path.clone(),
                format!("no record was ever made here of volume {volume}"),
                by_hand,
                NOT_OURS,
            )),
        }
        for marker in &image.markers {
            self.marker(&path, marker, found);
        }
        self.two_markers(&path, &image.markers, found);
        self.source_snapshots(&path, image, found);
        self.size(&path, image, found);
        self.lockers(&path, &image.lockers, found);
    }

    fn marker(&self, path: &str, marker: &Mark, found: &mut Vec<Finding>) {
        let what = format!("{path}@{}", marker.name);
        let by_hand = format!("rbd snap rm {what}");
        let class = Class::MarkerWithoutBackup;
        match self.owner(marker.backup, None) {
            Whose::Live(_) => {}
            Whose::Gone(_) => {
                let why = format!("backup {} was deleted", marker.backup);
                let repair = Repair::Marker { backup: marker.backup, name: marker.name.clone() };
                found.push(Finding::repairable(class, what, why, by_hand, repair, self.age(marker.made)));
            }
            Whose::Unknown(why) => found.push(Finding::left(class, what, why, by_hand, NOT_OURS)),
        }
    }

    /// Snapshots that the volume source makes. Where it has no record of the volume it has not made them.
    fn source_snapshots(&self, path: &str, image: &Volume, found: &mut Vec<Finding>) {
        let Some(volume) = &self.records.volume else { return };
        for snapshot in &image.snapshots {
            let what = format!("{path}@{}", snapshot.name);
            let by_hand = format!("rbd snap unprotect {what}; rbd snap rm {what}");
            let class = Class::SnapshotWithoutRecord;
            let why = match snapshot.purpose {
                Purpose::Snapshot(id) => match self.records.snapshots.iter().find(|record| record.id.0 == id) {
                    Some(record) if !record.deleted => continue,
                    Some(_) => Ok(format!("snapshot {id} was deleted")),
                    None => Err(format!("no record was ever made here of snapshot {id} of this volume")),
                },
                Purpose::Copy(id) => match self.records.copies.iter().find(|record| record.id.0 == id) {
                    Some(record) if record.being_made => continue,
                    Some(_) => Ok(format!("volume {id} is no longer being made from it")),
                    None => Err(format!("no record was ever made here of a volume {id} that is a copy of this one")),
                },
            };
            found.push(match why {
                Ok(why) => {
                    let repair = Repair::Snapshot { name: snapshot.name.clone() };
                    Finding::repairable(class, what, why, by_hand, repair, self.age(snapshot.made))
                }
                Err(why) => Finding::left(class, what, why, by_hand, NOT_OURS),
            });
        }
        for record in self.records.snapshots.iter().filter(|record| !record.deleted && !volume.deleted) {
            let there = image.snapshots.iter().any(|one| one.purpose == Purpose::Snapshot(record.id.0));
            if !there && record.status == snapshots::Status::Available {
                found.push(Finding::left(
                    Class::SnapshotWithoutImage,
                    format!("snapshot {}", record.id),
                    format!("it is available, and {path} has no {}", volume_snapshot(record.id.0)),
                    format!("openstack volume snapshot set --state error {}", record.id),
                    "what became of it can not be told",
                ));
            }
        }
    }

    fn size(&self, path: &str, image: &Volume, found: &mut Vec<Finding>) {
        let Some(record) = self.records.volume.as_ref().filter(|record| !record.deleted) else { return };
        if image.size < images::bytes(record.size_gib) && has_image(record.status) {
            found.push(Finding::left(
                Class::VolumeTooSmall,
                format!("volume {}", self.seen.volume),
                format!("it has {} GiB, and {path} has {} bytes", record.size_gib, image.size),
                format!("rbd resize --size {}G {path}", record.size_gib),
                "whether its end was cut off can not be told",
            ));
        }
    }

    /// Markers of live backups that have another one beside them: no increment can be made to such a backup.
    fn two_markers(&self, path: &str, markers: &[Mark], found: &mut Vec<Finding>) {
        let points: Vec<&Mark> = self.seen.bases.iter().flat_map(|(_, base)| &base.points).collect();
        for (backup, names) in self.doubled(markers, None) {
            let surplus = names.iter().filter(|name| !points.iter().any(|point| point.name == **name));
            let surplus: Vec<String> = surplus.map(|name| format!("rbd snap rm {path}@{name}")).collect();
            found.push(Finding::left(
                Class::TwoMarkers,
                format!("backup {backup}"),
                format!("{path} has {} markers of it: {}", names.len(), names.join(", ")),
                // where each has its restore point there are two of those as well
                if surplus.is_empty() {
                    "set a restore point of it aside first".to_owned()
                } else {
                    surplus.join("; ")
                },
                "it can not be told which is right",
            ));
        }
    }
}

/// Whether a volume with this status has an image.
fn has_image(status: catalog::volumes::Status) -> bool {
    use catalog::volumes::Status as S;
    matches!(
        status,
        S::Available | S::InUse | S::BackingUp | S::RestoringBackup | S::Extending | S::Attaching | S::Detaching
    )
}
