//! What disagrees, and what of it is provably ours: of each class one that is, and its neighbours that are not.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use catalog::backups::{DRIVER, Status};
use catalog::reconcile::{Record, Records, VolumeRecord};
use catalog::{BackupId, Time, VolumeId, volumes};
use chain::names::base_image;
use chain::scan::{Base, Mark, Volume};
use uuid::Uuid;

use super::classify::{Known, Seen, classify};
use super::finding::{Class, Finding, Outcome, YOUNG};

const VOLUME: Uuid = Uuid::from_u128(1);
const BACKUP: Uuid = Uuid::from_u128(2);
const OTHER: Uuid = Uuid::from_u128(3);

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn time(seconds: i64) -> Time {
    Time::from(jiff::Timestamp::from_second(seconds).unwrap())
}

fn record(id: Uuid, status: Status) -> Record {
    Record {
        id: BackupId(id),
        volume_id: VolumeId(VOLUME),
        status,
        snapshot_id: None,
        container: Some("backups".to_owned()),
        service: Some(DRIVER.to_owned()),
        service_metadata: Some(format!("{{\"base\": \"{}\"}}", base_image(VOLUME, id))),
        parent_metadata: None,
        changed_at: time(50),
        checksums: false,
        deleted: status == Status::Deleted,
    }
}

fn mark(backup: Uuid) -> Mark {
    Mark { backup, name: format!("backup.{backup}.snap.100.0"), made: at(100) }
}

fn base(root: Uuid, points: &[Uuid]) -> (String, Base) {
    let base = Base {
        name: base_image(VOLUME, root),
        size: 0,
        made: at(100),
        points: points.iter().copied().map(mark).collect(),
        foreign: Vec::new(),
        unneeded_sums: Vec::new(),
        without_sums: Vec::new(),
        lockers: Vec::new(),
    };
    ("backups".to_owned(), base)
}

fn seen() -> Seen {
    Seen { volume: VOLUME, volumes_pool: "volumes".to_owned(), ..Seen::default() }
}

fn records(backups: Vec<Record>) -> Records {
    Records { volume: None, backups, horizon: None }
}

fn look(seen: &Seen, backups: Vec<Record>) -> Vec<Finding> {
    let known = Known { fenced: Vec::new(), proven: BTreeSet::from(["backups".to_owned()]) };
    classify(seen, &records(backups), &known)
}

/// The classes, with whether each can be repaired.
fn told(found: &[Finding]) -> Vec<(Class, bool)> {
    found.iter().map(|one| (one.class, one.outcome == Outcome::WouldRepair && one.repair.is_some())).collect()
}

/// Every way in which a record of a deleted backup proves nothing.
fn no_proofs() -> Vec<Vec<Record>> {
    let gone = record(BACKUP, Status::Deleted);
    vec![
        vec![],
        vec![Record { volume_id: VolumeId(OTHER), ..gone.clone() }],
        vec![Record { service: None, ..gone.clone() }],
        vec![Record { service: Some("cinder.backup.drivers.nfs.NFSBackupDriver".to_owned()), ..gone }],
    ]
}

#[test]
fn a_marker_is_removed_only_with_a_record_of_its_deleted_backup() {
    let seen = Seen { image: Some(Volume { markers: vec![mark(BACKUP)], lockers: Vec::new() }), ..seen() };
    assert!(look(&seen, vec![record(BACKUP, Status::Available)]).is_empty());
    assert_eq!(told(&look(&seen, vec![record(BACKUP, Status::Deleted)])), [(Class::MarkerWithoutBackup, true)]);
    for proof in no_proofs() {
        assert_eq!(told(&look(&seen, proof)), [(Class::MarkerWithoutBackup, false)]);
    }
}

#[test]
fn a_restore_point_is_removed_from_among_others() {
    let seen = Seen { bases: vec![base(BACKUP, &[BACKUP, OTHER])], ..seen() };
    let live = record(BACKUP, Status::Available);
    let of_base = |status| Record { service_metadata: live.service_metadata.clone(), ..record(OTHER, status) };
    assert!(look(&seen, vec![live.clone(), of_base(Status::Available)]).is_empty());
    assert_eq!(told(&look(&seen, vec![live.clone(), of_base(Status::Deleted)])), [(Class::PointWithoutBackup, true)]);
    assert_eq!(told(&look(&seen, vec![live.clone()])), [(Class::PointWithoutBackup, false)]);
    let elsewhere = Record { container: Some("far".to_owned()), ..of_base(Status::Deleted) };
    assert_eq!(told(&look(&seen, vec![live, elsewhere])), [(Class::PointWithoutBackup, false)]);
}

#[test]
fn a_base_is_removed_only_when_all_in_it_was_ours_and_is_gone() {
    let gone = |id| record(id, Status::Deleted);
    let whole = Seen { bases: vec![base(BACKUP, &[BACKUP, OTHER])], ..seen() };
    assert_eq!(told(&look(&whole, vec![gone(BACKUP), gone(OTHER)])), [(Class::BaseWithoutBackup, true)]);
    assert_eq!(told(&look(&whole, vec![gone(BACKUP)])), [(Class::BaseWithoutBackup, false)]);
    assert_eq!(told(&look(&whole, vec![gone(OTHER)])), [(Class::BaseWithoutBackup, false)]);

    let mut strange = Seen { bases: vec![base(BACKUP, &[BACKUP])], ..seen() };
    strange.bases[0].1.foreign.push("by-hand".to_owned());
    assert_eq!(told(&look(&strange, vec![gone(BACKUP)])), [(Class::BaseWithoutBackup, false)]);

    let mut legacy = Seen { bases: vec![base(BACKUP, &[])], ..seen() };
    legacy.bases[0].1.name = chain::names::legacy_base_image(VOLUME);
    assert_eq!(told(&look(&legacy, vec![gone(BACKUP)])), [(Class::HalfMadeBase, false)]);

    // an increment to it lives, whose own restore point is missing: that is told of the increment
    let child = Record { service_metadata: gone(BACKUP).service_metadata, ..record(OTHER, Status::Available) };
    let empty = Seen { bases: vec![base(BACKUP, &[])], ..seen() };
    assert!(look(&empty, vec![gone(BACKUP), child]).is_empty());
}

#[test]
fn a_half_made_base_belongs_to_a_backup_that_failed_or_is_gone() {
    let seen = Seen { bases: vec![base(BACKUP, &[])], ..seen() };
    assert_eq!(told(&look(&seen, vec![record(BACKUP, Status::Deleted)])), [(Class::HalfMadeBase, true)]);
    assert_eq!(told(&look(&seen, vec![record(BACKUP, Status::Error)])), [(Class::HalfMadeBase, true)]);
    // a plain copy of an old release has no restore point and names no base: its head is the backup
    let copy = Record { service_metadata: None, ..record(BACKUP, Status::Error) };
    assert_eq!(told(&look(&seen, vec![copy])), [(Class::HalfMadeBase, false)]);
    for live in [Status::Creating, Status::Available, Status::Deleting, Status::Restoring] {
        assert!(look(&seen, vec![record(BACKUP, live)]).is_empty(), "{live}");
    }
}

#[test]
fn what_was_reset_to_error_keeps_its_restore_point() {
    let seen = Seen { bases: vec![base(BACKUP, &[BACKUP])], ..seen() };
    assert!(look(&seen, vec![record(BACKUP, Status::Error)]).is_empty());
}

#[test]
fn checksums_go_only_from_a_base_with_a_live_backup() {
    let mut seen = Seen { bases: vec![base(BACKUP, &[BACKUP])], ..seen() };
    seen.bases[0].1.unneeded_sums.push("cindervault.sums.x".to_owned());
    assert_eq!(told(&look(&seen, vec![record(BACKUP, Status::Available)])), [(Class::UnneededChecksums, true)]);
    assert_eq!(told(&look(&seen, vec![])), [(Class::BaseWithoutBackup, false)]);
}

#[test]
fn a_backup_that_has_lost_its_checksums_is_told_and_what_is_left_of_them_stays() {
    let mut seen = Seen { bases: vec![base(BACKUP, &[BACKUP])], ..seen() };
    seen.bases[0].1.unneeded_sums.push("cindervault.sums.x".to_owned());
    seen.bases[0].1.without_sums.push(BACKUP);
    for status in [Status::Available, Status::Error] {
        let recorded = Record { checksums: true, ..record(BACKUP, status) };
        assert_eq!(told(&look(&seen, vec![recorded])), [(Class::BackupWithoutChecksums, false)]);
    }
    // one that never had any
    assert_eq!(told(&look(&seen, vec![record(BACKUP, Status::Available)])), [(Class::UnneededChecksums, true)]);
}

#[test]
fn a_metadata_object_is_removed_only_with_a_record_of_its_deleted_backup() {
    let seen = Seen { metadata: vec![("backups".to_owned(), BACKUP, at(100))], ..seen() };
    assert!(look(&seen, vec![record(BACKUP, Status::Error)]).is_empty());
    assert_eq!(told(&look(&seen, vec![record(BACKUP, Status::Deleted)])), [(Class::MetadataWithoutBackup, true)]);
    for proof in no_proofs() {
        assert_eq!(told(&look(&seen, proof)), [(Class::MetadataWithoutBackup, false)]);
    }
}

#[test]
fn a_backup_is_lost_only_in_a_pool_that_is_known_to_be_the_right_one() {
    let lost = Seen { lost: vec![(BACKUP, "it is gone".to_owned())], without_metadata: vec![OTHER], ..seen() };
    let backups = vec![record(BACKUP, Status::Available), record(OTHER, Status::Available)];
    let expected = |repairable| [(Class::BackupWithoutPoint, repairable), (Class::BackupWithoutMetadata, false)];
    assert_eq!(told(&look(&lost, backups.clone())), expected(true));
    assert_eq!(told(&classify(&lost, &records(backups), &Known::default())), expected(false));
}

#[test]
fn what_is_younger_than_a_job_is_told_and_left() {
    let seen = Seen { image: Some(Volume { markers: vec![mark(BACKUP)], lockers: Vec::new() }), ..seen() };
    for (horizon, repairable) in [(99, false), (100, false), (101, true)] {
        let records = Records { horizon: Some(time(horizon)), ..records(vec![record(BACKUP, Status::Deleted)]) };
        let found = classify(&seen, &records, &Known::default());
        assert_eq!(told(&found), [(Class::MarkerWithoutBackup, repairable)], "{horizon}");
        assert_eq!(found[0].left_because.as_deref(), (!repairable).then_some(YOUNG));
    }
}

#[test]
fn volumes_and_locks_are_told() {
    let known = Known { fenced: vec!["v2:10.0.0.1:0/77".to_owned()], proven: BTreeSet::new() };
    let volume = |status, deleted| VolumeRecord { status, changed_at: time(1), deleted };
    let with = |volume| Records { volume: Some(volume), ..Records::default() };
    let lockers = vec!["10.0.0.1:0/77".to_owned(), "10.0.0.1:0/7".to_owned()];
    let there = Seen { image: Some(Volume { markers: Vec::new(), lockers }), ..seen() };
    let live = with(volume(volumes::Status::Available, false));
    assert_eq!(told(&classify(&there, &live, &known)), [(Class::StaleLock, false)]);
    assert_eq!(told(&classify(&seen(), &live, &known)), [(Class::VolumeWithoutImage, false)]);
    let making = with(volume(volumes::Status::Creating, false));
    assert!(classify(&seen(), &making, &known).is_empty());
    let gone = with(volume(volumes::Status::Deleted, true));
    assert!(classify(&seen(), &gone, &known).is_empty());
    assert_eq!(told(&classify(&there, &gone, &Known::default())), [(Class::ImageOfDeletedVolume, false)]);
}
