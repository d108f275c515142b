//! What disagrees, and what of it is provably ours: of each class one that is, and its neighbours that are not.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use catalog::backups::{DRIVER, Status};
use catalog::reconcile::{CopyRecord, Record, Records, SnapshotRecord, VolumeRecord};
use catalog::{BackupId, SnapshotId, Time, VolumeId, snapshots, volumes};
use chain::names::{base_image, copy_snapshot, volume_snapshot};
use chain::scan::{Base, BaseName, InTrash, Mark, Mover, Owner, Purpose, SourceSnapshot, Volume};
use rbd::Trashed;
use uuid::Uuid;

use super::classify::{Known, Seen, classify, is_old, trashed};
use super::finding::{Class, Finding, Outcome, YOUNG};
use super::look::in_default_container;

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
        completed: false,
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

/// Of a volume of ours that need not have an image.
fn records(backups: Vec<Record>) -> Records {
    let volume = VolumeRecord { status: volumes::Status::Creating, changed_at: time(1), deleted: false, size_gib: 1 };
    Records { volume: Some(volume), backups, ..Records::default() }
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
    let seen = Seen { image: Some(Volume { markers: vec![mark(BACKUP)], ..Volume::default() }), ..seen() };
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
fn a_restore_point_in_another_base_than_its_backups_is_told() {
    let seen = Seen { bases: vec![base(OTHER, &[OTHER, BACKUP]), base(BACKUP, &[BACKUP])], ..seen() };
    let (own, other) = (record(BACKUP, Status::Available), record(OTHER, Status::Available));
    assert_eq!(told(&look(&seen, vec![own.clone(), other.clone()])), [(Class::PointElsewhere, false)]);
    // where its own is not to be seen, this may be the only one
    let only = Seen { bases: vec![seen.bases[0].clone()], ..seen };
    assert!(look(&only, vec![own, other]).is_empty());
}

#[test]
fn a_base_that_its_backup_did_not_come_to_be_in_is_told() {
    let seen = Seen { bases: vec![base(BACKUP, &[]), base(OTHER, &[OTHER, BACKUP])], ..seen() };
    let root = record(OTHER, Status::Available);
    let placed = |status| Record { service_metadata: root.service_metadata.clone(), ..record(BACKUP, status) };
    for complete in [Status::Available, Status::Restoring] {
        let found = look(&seen, vec![root.clone(), placed(complete)]);
        assert_eq!(told(&found), [(Class::HalfMadeBase, false)], "{complete}");
        assert_eq!(found[0].by_hand, format!("rbd rm backups/{}", base_image(VOLUME, BACKUP)));
    }
    let failed = Record { completed: true, ..placed(Status::Error) };
    assert_eq!(told(&look(&seen, vec![root.clone(), failed])), [(Class::HalfMadeBase, false)]);
    assert!(look(&seen, vec![root.clone(), placed(Status::Creating)]).is_empty());
    // where its restore point is not in the other one it may be in neither, and the head the last copy
    let lost = Seen { bases: vec![base(BACKUP, &[]), base(OTHER, &[OTHER])], ..seen };
    assert!(look(&lost, vec![root.clone(), placed(Status::Available)]).is_empty());
}

#[test]
fn a_live_backup_without_a_container_is_in_the_default_one() {
    let seen = Seen {
        bases: vec![base(BACKUP, &[BACKUP])],
        metadata: vec![("backups".to_owned(), BACKUP, at(100))],
        lost: vec![(OTHER, "it is gone".to_owned())],
        ..seen()
    };
    let known = Known { fenced: Vec::new(), proven: BTreeSet::from(["backups".to_owned()]) };
    for container in [None, Some(String::new())] {
        let nowhere = |id, status| Record { container: container.clone(), ..record(id, status) };
        let mut all = records(vec![nowhere(BACKUP, Status::Available), nowhere(OTHER, Status::Available)]);
        in_default_container(&mut all, "backups");
        assert_eq!(told(&classify(&seen, &all, &known)), [(Class::BackupWithoutPoint, true)]);
        // a deleted one is not thereby proved ours
        let mut gone = records(vec![nowhere(BACKUP, Status::Deleted)]);
        in_default_container(&mut gone, "backups");
        let expected = [(Class::BaseWithoutBackup, false), (Class::MetadataWithoutBackup, false)];
        assert_eq!(told(&classify(&seen, &gone, &known)), expected);
    }
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
fn a_base_whose_backup_was_complete_once_may_be_the_last_copy() {
    let seen = Seen { bases: vec![base(BACKUP, &[])], ..seen() };
    let failed = record(BACKUP, Status::Error);
    let complete = Record { completed: true, ..failed.clone() };
    assert_eq!(told(&look(&seen, vec![complete.clone()])), [(Class::BaseWithoutPoint, false)]);
    // of several, one is enough
    let other = Record { service_metadata: failed.service_metadata.clone(), ..record(OTHER, Status::Error) };
    assert_eq!(told(&look(&seen, vec![complete, other.clone()])), [(Class::BaseWithoutPoint, false)]);
    let increment = Record { completed: true, ..other };
    assert_eq!(told(&look(&seen, vec![failed, increment])), [(Class::BaseWithoutPoint, false)]);
    // whoever deleted it wanted it gone
    assert_eq!(told(&look(&seen, vec![record(BACKUP, Status::Deleted)])), [(Class::HalfMadeBase, true)]);
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
fn the_checksums_of_a_restore_point_that_may_be_put_back_stay() {
    let mut seen = Seen { bases: vec![base(BACKUP, &[BACKUP])], ..seen() };
    seen.bases[0].1.unneeded_sums.push(format!("cindervault.sums.{OTHER}"));
    let live = record(BACKUP, Status::Available);
    let removed = Record {
        service_metadata: live.service_metadata.clone(),
        checksums: true,
        completed: true,
        ..record(OTHER, Status::Error)
    };
    assert_eq!(told(&look(&seen, vec![live.clone(), removed.clone()])), []);
    // one that failed has none that anybody needs
    let failed = Record { checksums: false, completed: false, ..removed };
    assert_eq!(told(&look(&seen, vec![live, failed])), [(Class::UnneededChecksums, true)]);
}

#[test]
fn a_backup_has_lost_no_checksums_in_a_base_that_is_not_its_own() {
    let mut seen = Seen { bases: vec![base(OTHER, &[OTHER, BACKUP]), base(BACKUP, &[BACKUP])], ..seen() };
    seen.bases[0].1.without_sums.push(BACKUP);
    let own = Record { checksums: true, ..record(BACKUP, Status::Available) };
    let found = look(&seen, vec![own, record(OTHER, Status::Available)]);
    assert_eq!(told(&found), [(Class::PointElsewhere, false)]);
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
    let seen = Seen { image: Some(Volume { markers: vec![mark(BACKUP)], ..Volume::default() }), ..seen() };
    for (horizon, repairable) in [(99, false), (100, false), (101, true)] {
        let records = Records { horizon: Some(time(horizon)), ..records(vec![record(BACKUP, Status::Deleted)]) };
        let found = classify(&seen, &records, &Known::default());
        assert_eq!(told(&found), [(Class::MarkerWithoutBackup, repairable)], "{horizon}");
        assert_eq!(found[0].left_because.as_deref(), (!repairable).then_some(YOUNG));
    }
}

#[test]
fn two_restore_points_and_two_markers_are_told_with_the_odd_one() {
    let odd = Mark { name: format!("backup.{BACKUP}.snap.124.5"), made: at(124), ..mark(BACKUP) };
    let image = Volume { markers: vec![mark(BACKUP)], ..Volume::default() };
    let mut points = Seen { image: Some(image), bases: vec![base(BACKUP, &[BACKUP])], ..seen() };
    let whole = record(BACKUP, Status::Available);
    assert!(look(&points, vec![whole.clone()]).is_empty());
    let mut markers = Seen { image: points.image.clone(), bases: points.bases.clone(), ..seen() };

    points.bases[0].1.points.insert(0, odd.clone());
    let found = look(&points, vec![whole.clone()]);
    assert_eq!(told(&found), [(Class::TwoPoints, false)]);
    let (path, name) = (format!("backups/{}", base_image(VOLUME, BACKUP)), &odd.name);
    let by_hand = format!("rbd snap rename {path}@{name} {path}@aside.{name}; cindervault verify {BACKUP}");
    assert_eq!(found[0].by_hand, by_hand, "the other one has the marker's name");

    markers.image.as_mut().unwrap().markers.push(odd.clone());
    let found = look(&markers, vec![whole.clone()]);
    assert_eq!(told(&found), [(Class::TwoMarkers, false)]);
    assert_eq!(found[0].by_hand, format!("rbd snap rm volumes/volume-{VOLUME}@{name}"));

    let both = Seen { image: markers.image, bases: points.bases, ..seen() };
    assert_eq!(told(&look(&both, vec![whole])), [(Class::TwoMarkers, false), (Class::TwoPoints, false)]);
    // those of a backup that was deleted are told, and repaired, one by one
    let gone = look(&both, vec![record(BACKUP, Status::Deleted)]);
    assert!(gone.iter().all(|one| !matches!(one.class, Class::TwoMarkers | Class::TwoPoints)), "{gone:?}");
}

/// A volume with a snapshot of its own for each of these purposes.
fn with_snapshots(purposes: &[Purpose]) -> Seen {
    let name = |purpose| match purpose {
        Purpose::Snapshot(id) => volume_snapshot(id),
        Purpose::Copy(id) => copy_snapshot(id),
    };
    let snapshot = |purpose: &Purpose| SourceSnapshot { purpose: *purpose, name: name(*purpose), made: at(100) };
    let image = Volume { size: 1 << 30, snapshots: purposes.iter().map(snapshot).collect(), ..Volume::default() };
    Seen { image: Some(image), ..seen() }
}

#[test]
fn snapshots_of_a_volume_are_removed_only_when_a_record_says_that_nobody_needs_them() {
    let volume =
        VolumeRecord { status: volumes::Status::ErrorDeleting, changed_at: time(1), deleted: false, size_gib: 1 };
    let none = Records { volume: Some(volume), ..Records::default() };
    let found = |seen: &Seen, records: &Records| told(&classify(seen, records, &Known::default()));
    let (made, copy) = (with_snapshots(&[Purpose::Snapshot(OTHER)]), with_snapshots(&[Purpose::Copy(OTHER)]));
    for seen in [&made, &copy] {
        assert_eq!(found(seen, &none), [(Class::SnapshotWithoutRecord, false)]);
        assert_eq!(found(seen, &Records::default()), [(Class::ImageWithoutRecord, false)], "another's volume");
    }
    for (deleted, expected) in [(true, vec![(Class::SnapshotWithoutRecord, true)]), (false, Vec::new())] {
        let row = SnapshotRecord { id: SnapshotId(OTHER), status: snapshots::Status::Available, deleted };
        assert_eq!(found(&made, &Records { snapshots: vec![row], ..none.clone() }), expected);
    }
    for (being_made, expected) in [(false, vec![(Class::SnapshotWithoutRecord, true)]), (true, Vec::new())] {
        let row = CopyRecord { id: VolumeId(OTHER), being_made };
        assert_eq!(found(&copy, &Records { copies: vec![row], ..none.clone() }), expected);
    }
}

#[test]
fn a_snapshot_without_its_image_and_a_volume_that_was_cut_are_told() {
    let volume = VolumeRecord { status: volumes::Status::Available, changed_at: time(1), deleted: false, size_gib: 1 };
    let row = |status| SnapshotRecord { id: SnapshotId(OTHER), status, deleted: false };
    let with = |status| Records { volume: Some(volume.clone()), snapshots: vec![row(status)], ..Records::default() };
    let found = |seen: &Seen, records: &Records| told(&classify(seen, records, &Known::default()));
    let whole = with_snapshots(&[]);
    let expected = [(Class::SnapshotWithoutImage, false)];
    assert_eq!(found(&whole, &with(snapshots::Status::Available)), expected);
    assert_eq!(found(&whole, &with(snapshots::Status::Creating)), []);
    assert_eq!(found(&with_snapshots(&[Purpose::Snapshot(OTHER)]), &with(snapshots::Status::Available)), []);
    let mut cut = whole;
    cut.image.as_mut().unwrap().size -= 1;
    assert_eq!(found(&cut, &with(snapshots::Status::Creating)), [(Class::VolumeTooSmall, false)]);
}

#[test]
fn of_the_trash_only_what_a_deletion_moved_there_is_purged() {
    let (records, strange) = (records(vec![record(BACKUP, Status::Deleted)]), Records::default());
    let image = Trashed {
        id: "5".to_owned(),
        name: base_image(VOLUME, BACKUP),
        moved_at: at(100),
        kept_until: at(100),
        removing: false,
    };
    let owner = Owner::Base(BaseName { volume: VOLUME, backup: Some(BACKUP) });
    let outcome = |mover, image: &Trashed, records: &Records| {
        let found = trashed("backups", &InTrash { owner, mover, image: image.clone() }, records, at(200));
        (found.outcome, found.left_because)
    };
    for mover in [Mover::Deletion, Mover::Removal] {
        assert_eq!(outcome(mover, &image, &records), (Outcome::WouldRepair, None));
        assert_eq!(outcome(mover, &image, &strange).0, Outcome::Reported);
    }
    assert_eq!(outcome(Mover::Somebody, &image, &records).0, Outcome::Reported);
    // what a live backup is in is never the image that has this id
    for status in [Status::Error, Status::Available] {
        let live = self::records(vec![record(BACKUP, status)]);
        for mover in [Mover::Deletion, Mover::Removal] {
            assert_eq!(outcome(mover, &image, &live), (Outcome::WouldRepair, None), "{status}");
        }
        assert_eq!(outcome(Mover::Somebody, &image, &live).0, Outcome::Reported);
        let young = Records { horizon: Some(time(100)), ..live };
        assert_eq!(outcome(Mover::Removal, &image, &young), (Outcome::Reported, Some(YOUNG.to_owned())));
    }
    // a job that is removing it has not ended; when it was moved is known in whole seconds
    let moved = InTrash { owner, mover: Mover::Removal, image: image.clone() };
    for (horizon, old) in [(Some(100), false), (Some(101), true), (None, true)] {
        let records = Records { horizon: horizon.map(time), ..self::records(Vec::new()) };
        assert_eq!(is_old(&moved, &records), old, "{horizon:?}");
    }
    let far = Record { container: Some("far".to_owned()), ..record(BACKUP, Status::Error) };
    assert_eq!(outcome(Mover::Deletion, &image, &self::records(vec![far])).0, Outcome::Reported);
    let kept = Trashed { kept_until: at(201), ..image };
    let because = Some("it is kept there until 1970-01-01T00:03:21Z".to_owned());
    assert_eq!(outcome(Mover::Deletion, &kept, &records), (Outcome::Reported, because));
}

#[test]
fn volumes_and_locks_are_told() {
    let known = Known { fenced: vec!["v2:10.0.0.1:0/77".to_owned()], proven: BTreeSet::new() };
    let volume = |status, deleted| VolumeRecord { status, changed_at: time(1), deleted, size_gib: 1 };
    let with = |volume| Records { volume: Some(volume), ..Records::default() };
    let lockers = vec!["10.0.0.1:0/77".to_owned(), "10.0.0.1:0/7".to_owned()];
    let there = Seen { image: Some(Volume { size: 1 << 30, lockers, ..Volume::default() }), ..seen() };
    let live = with(volume(volumes::Status::Available, false));
    assert_eq!(told(&classify(&there, &live, &known)), [(Class::StaleLock, false)]);
    assert_eq!(told(&classify(&seen(), &live, &known)), [(Class::VolumeWithoutImage, false)]);
    let making = with(volume(volumes::Status::Creating, false));
    assert!(classify(&seen(), &making, &known).is_empty());
    let gone = with(volume(volumes::Status::Deleted, true));
    assert!(classify(&seen(), &gone, &known).is_empty());
    assert_eq!(told(&classify(&there, &gone, &Known::default())), [(Class::ImageOfDeletedVolume, false)]);
}
