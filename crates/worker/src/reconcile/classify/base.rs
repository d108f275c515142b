//! Bases, and the restore points that are on them.

use catalog::backups::Status;
use catalog::reconcile::Record;
use chain::BaseRef;
use chain::delete::Request;
use chain::names::volume_image;
use chain::scan::{Base, BaseName, Mark};

use super::{Look, NOT_OURS, Whose};
use crate::jobs::base_of;
use crate::reconcile::finding::{Age, Class, Finding, Repair};

impl<'a> Look<'a> {
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

    pub(super) fn base(&self, pool: &str, base: &Base, found: &mut Vec<Finding>) {
        let path = format!("{pool}/{}", base.name);
        self.lockers(&path, &base.lockers, found);
        let owners: Vec<(&Mark, Whose<'_>)> =
            base.points.iter().map(|point| (point, self.owner(point.backup, Some(pool)))).collect();
        let claims: Vec<&Record> = self.claims(pool, base);
        if let Some((record, own)) = self.moved_on(pool, base, &claims) {
            return found.push(Finding::left(
                Class::HalfMadeBase,
                path.clone(),
                format!("it has no restore point, and backup {} is in {own}", record.id),
                format!("rbd rm {path}"),
                "removing it with its backup, as others are, would take what the backup needs",
            ));
        }
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
                Whose::Live(record) => {
                    if let Some(own) = self.own_base(record, pool, base) {
                        let (class, why) = (Class::PointElsewhere, format!("backup {} is in {own}", point.backup));
                        found.push(Finding::left(class, what, why, by_hand, "only the record tells which is right"));
                    }
                }
                Whose::Gone(record) => {
                    let why = format!("backup {} was deleted", point.backup);
                    let repair = Repair::Backups { pool: pool.to_owned(), requests: vec![request(record, &base.name)] };
                    found.push(Finding::repairable(class, what, why, by_hand, repair, self.age(point.made)));
                }
                Whose::Unknown(why) => found.push(Finding::left(class, what, why, by_hand, NOT_OURS)),
            }
        }
        // those of a restore point that was removed by hand are needed when it is put back
        let all_there = claims
            .iter()
            .all(|record| !record.checksums || base.points.iter().any(|point| point.backup == record.id.0));
        if live && !self.lost_sums(pool, base, &path, found) && all_there && !base.unneeded_sums.is_empty() {
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

    /// The image that a backup's restore point is in, where that is recorded, seen, and not this one.
    fn own_base(&self, record: &Record, pool: &str, base: &Base) -> Option<String> {
        let own = record.placed().and_then(base_of).filter(|own| *own != base.name)?;
        let holds = |other: &Base| other.name == own && other.points.iter().any(|point| point.backup == record.id.0);
        self.seen.bases.iter().any(|(other, base)| other == pool && holds(base)).then_some(own)
    }

    /// The complete backup whose name this image has that is in another one, and that: a first attempt at it began a base of
    /// its own, and a later one became an increment. Nobody else claims the image, and nothing in it is a backup.
    fn moved_on(&self, pool: &str, base: &Base, claims: &[&'a Record]) -> Option<(&'a Record, String)> {
        let [record] = claims else { return None };
        let complete = record.completed || matches!(record.status, Status::Available | Status::Restoring);
        let own = self.own_base(record, pool, base).filter(|_| complete && base.points.is_empty())?;
        Some((record, own))
    }

    /// Tells which live backups were made with checksums and have none any more. Returns whether there are any: what they
    /// need of what is left can not be told.
    fn lost_sums(&self, pool: &str, base: &Base, path: &str, found: &mut Vec<Finding>) -> bool {
        let before = found.len();
        for backup in &base.without_sums {
            if let Whose::Live(record) = self.owner(*backup, Some(pool))
                && record.checksums
                && self.own_base(record, pool, base).is_none()
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
