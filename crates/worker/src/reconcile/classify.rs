//! What of what was seen disagrees with the records, and what of that is provably ours. Looks at nothing by itself.
//!
//! Something on Ceph is ours where our catalogue has a record of the backup in its name, deleted or not, of the same
//! volume, in the same pool, made by our driver. What only a name says is ours may be Cinder's, or another
//! installation's: it is told, and never touched.

mod base;
mod volume;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use catalog::reconcile::{Record, Records};
use chain::names::metadata_object;
use chain::scan::{Base, InTrash, Mark, Mover, Owner, Volume};
use uuid::Uuid;

use super::finding::{Age, Class, Finding, Repair};

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

/// Whether an image went to the trash before any job was asked for that has not ended. When it did is known in whole seconds.
pub(super) fn is_old(trashed: &InTrash, records: &Records) -> bool {
    let moved = trashed.image.moved_at + Duration::from_secs(1);
    records.horizon.is_none_or(|horizon| moved <= SystemTime::from(horizon.timestamp()))
}

/// An image in the trash. What can be repaired is purged by its id, without looking again: nothing else ever gets that id.
pub(super) fn trashed(pool: &str, trashed: &InTrash, records: &Records, now: SystemTime) -> Finding {
    let image = &trashed.image;
    let (class, what) = (Class::ImageInTrash, format!("{pool}/{} ({})", image.name, image.id));
    let by_hand = format!("rbd trash rm {pool}/{}", image.id);
    let owner = match trashed.owner {
        Owner::Base(base) => records
            .backups
            .iter()
            .find(|record| {
                Some(record.id.0) == base.backup
                    && record.is_ours()
                    && record.volume_id.0 == base.volume
                    && record.container.as_deref() == Some(pool)
            })
            .map(|record| (format!("backup {}", record.id), record.deleted)),
        // the volumes' pool has the volumes of one catalogue
        Owner::Volume(volume) => {
            records.volume.as_ref().filter(|record| record.deleted).map(|_| (format!("volume {volume}"), true))
        }
    };
    let why = match (owner, trashed.mover) {
        (Some((deleted, true)), Mover::Deletion) => format!("it was in use when {deleted} was deleted"),
        (Some((deleted, true)), Mover::Removal) => {
            format!("{deleted} was deleted, and the removal of the image was cut short")
        }
        (Some((deleted, true)), Mover::Somebody) => {
            let why = format!("{deleted} was deleted; somebody had moved the image there before");
            return Finding::left(class, what, why, by_hand, "whoever moved it there may want to keep it");
        }
        // what a failed attempt has left: what the backup is in, if it was made since, has another id
        (Some((live, false)), Mover::Deletion) => format!("it was in use when what {live} had left was removed"),
        (Some((live, false)), Mover::Removal) => format!("the removal of what {live} had left was cut short"),
        (Some((_, false)), Mover::Somebody) | (None, _) => {
            return Finding::left(class, what, "nobody can say who put it there".to_owned(), by_hand, NOT_OURS);
        }
    };
    if image.kept_until > now {
        let until =
            jiff::Timestamp::try_from(image.kept_until).map_or_else(|_| "later".to_owned(), |at| at.to_string());
        let by_hand = format!("rbd trash rm --force {pool}/{}", image.id);
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
