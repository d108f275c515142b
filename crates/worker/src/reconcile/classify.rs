//! What of what was seen disagrees with the records, and what of that is provably ours. Looks at nothing by itself.
//!
//! Something on Ceph is ours where our catalogue has a record of the backup in its name, deleted or not, of the same
//! volume, in the same pool, made by our driver. What only a name says is ours may be Cinder's, or another
//! installation's: it is told, and never touched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use catalog::backups::Status;
use catalog::reconcile::{Record, Records};
use catalog::snapshots;
use chain::BaseRef;
use chain::delete::Request;
use chain::names::{metadata_object, volume_image, volume_snapshot};
use chain::scan::{Base, BaseName, InTrash, Mark, Mover, Owner, Purpose, Volume};
use uuid::Uuid;

use super::finding::{Age, Class, Finding, Repair};
use crate::images;
use crate::jobs::base_of;

/// What was seen on Ceph of a volume and its backups.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) volume: Uuid,
    /// The pool of the volumes.
    pub(super) volumes_pool: String,
    pub(super) image: Option<Volume>,
    /// With the pools that they are in.
    pub(super) bases: Vec<(String, Base)>,
    /// Metadata objects, with the pools that they are in.
    pub(super) metadata: Vec<(String, Uuid, SystemTime)>,
    /// Available backups whose restore point was looked for and is not there, and why.
    pub(super) lost: Vec<(Uuid, String)>,
    /// Available backups that have no metadata object.
    pub(super) without_metadata: Vec<Uuid>,
}

/// What is known besides.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Addresses of connections of workers that were fenced.
    pub(super) fenced: Vec<String>,
    /// The pools in which a restore point of a live backup was seen: they are the right ones.
    pub(super) proven: BTreeSet<String>,
}

/// Everything that disagrees.
pub(super) fn classify(seen: &Seen, records: &Records, known: &Known) -> Vec<Finding> {
    let look = Look {
        seen,
        known,
        records,
        by_id: records.backups.iter().map(|record| (record.id.0, record)).collect(),
        horizon: records.horizon.map(|at| at.timestamp().into()),
    };
    let mut found = Vec::new();
    look.volume(&mut found);
    for (pool, base) in &seen.bases {
        look.base(pool, base, &mut found);
    }
    look.metadata(&mut found);
    look.lost(&mut found);
    found
}

/// A metadata object of a backup of which no record was ever made here.
pub(super) fn unknown_metadata(pool: &str, backup: Uuid) -> Finding {
    let object = metadata_object(backup);
    Finding::left(
        Class::MetadataWithoutBackup,
        format!("{pool}/{object}"),
        format!("no record was ever made here of backup {backup}"),
        format!("rados -p {pool} rm {object}"),
        NOT_OURS,
    )
}

/// An image in the trash. What can be repaired is purged by its id, without looking again: nothing else ever gets that id.
pub(super) fn trashed(pool: &str, trashed: &InTrash, records: &Records, now: SystemTime) -> Finding {
    let image = &trashed.image;
    let (class, what) = (Class::ImageInTrash, format!("{pool}/{} ({})", image.name, image.id));
    let by_hand = format!("rbd trash rm {pool}/{}", image.id);
    let deleted = match trashed.owner {
        Owner::Base(base) => records
            .backups
            .iter()
            .find(|record| {
                Some(record.id.0) == base.backup
                    && record.deleted
                    && record.is_ours()
                    && record.volume_id.0 == base.volume
                    && record.container.as_deref() == Some(pool)
            })
            .map(|record| format!("backup {}", record.id)),
        // the volumes' pool has the volumes of one catalogue
        Owner::Volume(volume) => {
            records.volume.as_ref().filter(|record| record.deleted).map(|_| format!("volume {volume}"))
        }
    };
    let Some(deleted) = deleted else {
        return Finding::left(class, what, "nobody can say who put it there".to_owned(), by_hand, NOT_OURS);
    };
    let why = match trashed.mover {
        Mover::Deletion => format!("it was in use when {deleted} was deleted"),
        Mover::Removal => format!("{deleted} was deleted, and the removal of the image was cut short"),
        Mover::Somebody => {
            let why = format!("{deleted} was deleted; somebody had moved the image there before");
            return Finding::left(class, what, why, by_hand, "whoever moved it there may want to keep it");
        }
    };
    if image.kept_until > now {
        let until =
            jiff::Timestamp::try_from(image.kept_until).map_or_else(|_| "later".to_owned(), |at| at.to_string());
        return Finding::left(class, what, why, by_hand, &format!("it is kept there until {until}"));
    }
    let age = Age { made: Some(image.moved_at), horizon: records.horizon.map(|at| at.timestamp().into()) };
    Finding::repairable(class, what, why, by_hand, None, age)
}

/// Whether two addresses are one client's: the number behind the last slash is its own.
fn same_client(one: &str, other: &str) -> bool {
    let bare = |text: &str| ["v1:", "v2:", "any:"].iter().find_map(|kind| text.strip_prefix(kind).map(str::to_owned));
    bare(one).as_deref().unwrap_or(one) == bare(other).as_deref().unwrap_or(other)
}

struct Look<'a> {
    seen: &'a Seen,
    known: &'a Known,
    records: &'a Records,
    by_id: HashMap<Uuid, &'a Record>,
    horizon: Option<SystemTime>,
}

/// Whose something is that names a backup.
enum Whose<'a> {
    /// A live backup's: all is well.
    Live(&'a Record),
    /// Ours, of a backup that is gone.
    Gone(&'a Record),
    /// Nobody can say; and why not.
    Unknown(String),
}

impl<'a> Look<'a> {
    fn age(&self, made: SystemTime) -> Age {
        Age { made: Some(made), horizon: self.horizon }
    }

    /// Whose it is, by the id in its name, on this volume and, for what is in the backup pool, in this pool.
    fn owner(&self, backup: Uuid, pool: Option<&str>) -> Whose<'a> {
        let Some(record) = self.by_id.get(&backup) else {
            return Whose::Unknown(format!("no record was ever made here of backup {backup}"));
        };
        if record.volume_id.0 != self.seen.volume {
            return Whose::Unknown(format!("backup {backup} is recorded as one of volume {}", record.volume_id));
        }
        if let Some(pool) = pool
            && record.container.as_deref() != Some(pool)
        {
            let elsewhere = record.container.as_deref().unwrap_or("no pool");
            return Whose::Unknown(format!("backup {backup} is recorded to be in {elsewhere}"));
        }
        if !record.deleted {
            return Whose::Live(record);
        }
        if !record.is_ours() {
            return Whose::Unknown(format!("backup {backup} was not made by this driver"));
        }
        Whose::Gone(record)
    }

    fn volume(&self, found: &mut Vec<Finding>) {
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
        if self.records.volume.as_ref().is_some_and(|record| record.deleted) {
            found.push(Finding::left(
                Class::ImageOfDeletedVolume,
                path.clone(),
                format!("volume {volume} is recorded as deleted"),
                format!("rbd snap purge {path} && rbd rm {path}"),
                "data of a user is never removed without being asked for",
            ));
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

    /// Restore points of live backups that have another one beside them: which of them is the backup can not be told
    /// from their names, and nothing is restored or deleted until it is told.
    fn two_points(&self, pool: &str, base: &Base, path: &str, found: &mut Vec<Finding>) {
        let markers = self.seen.image.iter().flat_map(|image| &image.markers);
        let markers: Vec<&str> = markers.map(|marker| marker.name.as_str()).collect();
        for (backup, names) in self.doubled(&base.points, Some(pool)) {
            // made together, they have one name; where the marker is gone, the older is what no accident has made
            let keep = names.iter().find(|name| markers.contains(name)).unwrap_or(&names[0]);
            let aside = names.iter().filter(|name| *name != keep);
            let aside: Vec<String> =
                aside.map(|name| format!("rbd snap rename {path}@{name} {path}@aside.{name}")).collect();
            found.push(Finding::left(
                Class::TwoPoints,
                format!("backup {backup}"),
                format!("{path} has {} restore points of it: {}", names.len(), names.join(", ")),
                format!("{}; cindervault verify {backup}", aside.join("; ")),
                "it can not be told which is right",
            ));
        }
    }

    /// Markers of live backups that have another one beside them: no increment can be made to such a backup, and it can
    /// not be deleted.
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

    /// The live backups that several of these name, with their names, oldest first.
    fn doubled<'m>(&self, marks: &'m [Mark], pool: Option<&str>) -> BTreeMap<Uuid, Vec<&'m str>> {
        let mut names: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
        for mark in marks {
            names.entry(mark.backup).or_default().push(&mark.name);
        }
        names.retain(|backup, names| names.len() > 1 && matches!(self.owner(*backup, pool), Whose::Live(_)));
        names
    }

    fn lockers(&self, path: &str, lockers: &[String], found: &mut Vec<Finding>) {
        for locker in lockers {
            if self.known.fenced.iter().any(|fenced| same_client(fenced, locker)) {
                found.push(Finding::left(
                    Class::StaleLock,
                    path.to_owned(),
                    format!("its lock is held by {locker}, a worker that was fenced"),
                    format!("rbd lock ls {path}, then rbd lock rm {path} ID LOCKER"),
                    "Ceph breaks it for whoever writes next",
                ));
            }
        }
    }

    fn base(&self, pool: &str, base: &Base, found: &mut Vec<Finding>) {
        let path = format!("{pool}/{}", base.name);
        self.lockers(&path, &base.lockers, found);
        let owners: Vec<(&Mark, Whose<'_>)> =
            base.points.iter().map(|point| (point, self.owner(point.backup, Some(pool)))).collect();
        let claims: Vec<&Record> = self.claims(pool, base);
        let live = owners.iter().any(|(_, owner)| matches!(owner, Whose::Live(_)));
        let wanted = live || claims.iter().any(|record| record.status != Status::Error);
        if !wanted && claims.is_empty() {
            return found.push(self.unclaimed(pool, base, &path, &owners));
        }
        if !wanted && base.points.is_empty() {
            return found.push(self.without_points(pool, base, &path, &claims));
        }
        self.two_points(pool, base, &path, found);
        for (point, owner) in owners {
            let what = format!("{path}@{}", point.name);
            let by_hand = format!("rbd snap rm {what}");
            let class = Class::PointWithoutBackup;
            match owner {
                Whose::Live(_) => {}
                Whose::Gone(record) => {
                    let why = format!("backup {} was deleted", point.backup);
                    let repair = Repair::Backups { pool: pool.to_owned(), requests: vec![request(record, &base.name)] };
                    found.push(Finding::repairable(class, what, why, by_hand, repair, self.age(point.made)));
                }
                Whose::Unknown(why) => found.push(Finding::left(class, what, why, by_hand, NOT_OURS)),
            }
        }
        if live && !self.lost_sums(pool, base, &path, found) && !base.unneeded_sums.is_empty() {
            let keys = base.unneeded_sums.join(" ");
            let repair = Repair::Checksums { pool: pool.to_owned(), base: base.name.clone() };
            found.push(Finding::repairable(
                Class::UnneededChecksums,
                path.clone(),
                format!("{} of its checksums belong to no restore point on it", base.unneeded_sums.len()),
                format!("for key in {keys}; do rbd image-meta remove {path} $key; done"),
                repair,
                Age { made: None, horizon: self.horizon }, // no time is kept with them, and no job is at this chain
            ));
        }
    }

    /// Tells which live backups were made with checksums and have none any more. Returns whether there are any: what they
    /// need of what is left can not be told.
    fn lost_sums(&self, pool: &str, base: &Base, path: &str, found: &mut Vec<Finding>) -> bool {
        let before = found.len();
        for backup in &base.without_sums {
            if let Whose::Live(record) = self.owner(*backup, Some(pool))
                && record.checksums
            {
                found.push(Finding::left(
                    Class::BackupWithoutChecksums,
                    format!("backup {backup}"),
                    format!("it was made with checksums, and {path} has no index of them"),
                    format!("cindervault verify {backup}, and make a full backup of the volume"),
                    "whether its data is right can not be told any more",
                ));
            }
        }
        found.len() > before
    }

    /// The live records that say that their backup is in this image, or that the image is named after.
    fn claims(&self, pool: &str, base: &Base) -> Vec<&'a Record> {
        let named = BaseName::parse(&base.name).and_then(|name| name.backup);
        let legacy = named.is_none();
        let claims = |record: &&Record| {
            let placed = record.placed().and_then(base_of);
            !record.deleted
                && record.volume_id.0 == self.seen.volume
                && record.container.as_deref().is_none_or(|container| container == pool)
                && (named == Some(record.id.0) || placed.as_ref() == Some(&base.name) || (legacy && placed.is_none()))
        };
        self.records.backups.iter().filter(claims).collect()
    }

    /// A base that no live record claims.
    fn unclaimed(&self, pool: &str, base: &Base, path: &str, owners: &[(&Mark, Whose<'_>)]) -> Finding {
        let empty = base.points.is_empty();
        let class = if empty { Class::HalfMadeBase } else { Class::BaseWithoutBackup };
        let by_hand = format!("rbd snap purge {path} && rbd rm {path}");
        let left = |why: String, because: &str| Finding::left(class, path.to_owned(), why, by_hand.clone(), because);
        let Some(root) = BaseName::parse(&base.name).and_then(|name| name.backup) else {
            return left("no live backup can be in it".to_owned(), "images of old releases may be shared");
        };
        let mut requests = Vec::new();
        let root_owner = self.owner(root, Some(pool));
        for owner in owners.iter().map(|(_, owner)| owner).chain([&root_owner]) {
            match owner {
                Whose::Gone(record) => requests.push(request(record, &base.name)),
                Whose::Live(record) => return left(format!("backup {} may be in it", record.id), NOT_OURS),
                Whose::Unknown(why) => return left(why.clone(), NOT_OURS),
            }
        }
        let why = if empty {
            format!("it has no restore point, and backup {root} was deleted")
        } else {
            format!("all of its {} backups were deleted", base.points.len())
        };
        if !base.foreign.is_empty() {
            return left(why, &format!("it has snapshots that are no backups: {}", base.foreign.join(", ")));
        }
        let newest = base.points.iter().map(|point| point.made).chain([base.made]).max();
        let age = Age { made: newest, horizon: self.horizon };
        let repair = Repair::Backups { pool: pool.to_owned(), requests };
        Finding::repairable(class, path.to_owned(), why, by_hand, repair, age)
    }

    /// A base without restore points that only backups claim which are `error`: half made where none of them was ever
    /// complete. Of one that was the head may be the last copy, whoever removed its restore point.
    fn without_points(&self, pool: &str, base: &Base, path: &str, claims: &[&Record]) -> Finding {
        if let Some(record) = claims.iter().find(|record| record.completed) {
            let backup = record.id;
            return Finding::left(
                Class::BaseWithoutPoint,
                path.to_owned(),
                format!("it has no restore point, and backup {backup}, which is error, was complete once"),
                format!("rbd export {path} FILE, to keep what it holds; then openstack volume backup delete {backup}"),
                "its head may hold the only copy",
            );
        }
        let class = Class::HalfMadeBase;
        let by_hand = format!("rbd rm {path}");
        let why = "it has no restore point, and its backup is error".to_owned();
        let root = BaseName::parse(&base.name).and_then(|name| name.backup);
        // what our worker writes down before it makes the image; a plain copy of an old release never has it
        let maker = claims.iter().find(|record| {
            Some(record.id.0) == root
                && record.is_ours()
                && record.service_metadata.as_deref().and_then(base_of).as_ref() == Some(&base.name)
        });
        match maker {
            Some(record) if claims.len() == 1 && base.foreign.is_empty() => {
                let repair = Repair::Backups { pool: pool.to_owned(), requests: vec![request(record, &base.name)] };
                Finding::repairable(class, path.to_owned(), why, by_hand, repair, self.age(base.made))
            }
            _ => Finding::left(class, path.to_owned(), why, by_hand, "it may be a copy that an old release made"),
        }
    }

    fn metadata(&self, found: &mut Vec<Finding>) {
        for (pool, backup, written) in &self.seen.metadata {
            let object = metadata_object(*backup);
            let (what, by_hand) = (format!("{pool}/{object}"), format!("rados -p {pool} rm {object}"));
            let class = Class::MetadataWithoutBackup;
            match self.owner(*backup, Some(pool)) {
                Whose::Live(_) => {}
                Whose::Gone(_) => {
                    let why = format!("backup {backup} was deleted");
                    let repair = Repair::Metadata { pool: pool.clone(), backup: *backup };
                    found.push(Finding::repairable(class, what, why, by_hand, repair, self.age(*written)));
                }
                Whose::Unknown(why) => found.push(Finding::left(class, what, why, by_hand, NOT_OURS)),
            }
        }
    }

    fn lost(&self, found: &mut Vec<Finding>) {
        for (backup, why) in &self.seen.lost {
            let Some(record) = self.by_id.get(backup) else { continue };
            let (what, why) = (format!("backup {backup}"), format!("it is available, but {why}"));
            let by_hand = format!("openstack volume backup set --state error {backup}");
            let class = Class::BackupWithoutPoint;
            let pool = record.container.as_deref().unwrap_or_default();
            if !self.known.proven.contains(pool) {
                let because = "no backup of this installation was found in the pool: it may be the wrong one";
                found.push(Finding::left(class, what, why, by_hand, because));
                continue;
            }
            let changed: SystemTime = record.changed_at.timestamp().into();
            let repair = Repair::Lost { backup: record.id, why: why.clone() };
            found.push(Finding::repairable(class, what, why, by_hand, repair, self.age(changed)));
        }
        for backup in &self.seen.without_metadata {
            found.push(Finding::left(
                Class::BackupWithoutMetadata,
                format!("backup {backup}"),
                format!("it is available, and there is no object {}", metadata_object(*backup)),
                "nothing has to be done: make another backup to have the volume's metadata saved".to_owned(),
                "its data is whole; a restore leaves the volume's name and metadata as they are",
            ));
        }
    }
}

/// Why something is never touched.
const NOT_OURS: &str = "it can not be proved to be ours: it may be Cinder's or another installation's";

/// Whether a volume with this status has an image.
fn has_image(status: catalog::volumes::Status) -> bool {
    use catalog::volumes::Status as S;
    matches!(
        status,
        S::Available | S::InUse | S::BackingUp | S::RestoringBackup | S::Extending | S::Attaching | S::Detaching
    )
}

/// What `chain` removes of a backup that is gone, or has failed, in this image.
fn request(record: &Record, base: &str) -> Request {
    Request {
        reference: BaseRef {
            backup: record.id.0,
            volume: record.volume_id.0,
            base: Some(base.to_owned()),
            snapshot: record.snapshot_id.map(|id| id.0),
            checksums: record.checksums,
        },
        image: volume_image(record.volume_id.0),
        sole_legacy: false,
        failed: true,
    }
}
