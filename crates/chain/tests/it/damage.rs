//! Backups that are no longer what was backed up: they are found, and never restored as if they were.

use chain::metadata::VolumeMetadata;
use chain::names::volume_image;
use chain::{Budget, Control, Error, create, restore};

use crate::cluster::Ceph;
use crate::world::{MIB, Shape, World, noise};

/// Flips a byte of a base's data behind librbd's back.
async fn rot(world: &World, base: &str, offset: u64) {
    rot_in(&world.ceph.pools.backups, base, offset).await;
}

/// The same of an image of this pool.
async fn rot_in(pool: &rbd::Pool, image: &str, offset: u64) {
    let image = pool.open_read_only(image, None).await.unwrap();
    let object = format!("rbd_data.{}.{:016x}", image.id().await.unwrap(), offset / (4 * MIB));
    let mut data = pool.read_object(&object, 4 << 20).await.unwrap().expect("the object is there");
    data[usize::try_from(offset % (4 * MIB)).unwrap()] ^= 0x10;
    pool.write_object(&object, data).await.unwrap();
}

async fn restore_onto(world: &World, backup: usize, volume: usize) -> chain::Result<restore::Restored> {
    let request = restore::Request {
        reference: world.backups[backup].reference.clone(),
        image: world.volumes[volume].image.clone(),
    };
    restore::restore(&world.ceph.pools, &request, &Control::unattended(Budget::new(0))).await
}

fn is_damaged_at(error: &Error, expected: u64) -> bool {
    assert!(error.is_damage());
    matches!(error, Error::Damaged { offset, .. } if *offset == expected)
}

#[tokio::test(flavor = "multi_thread")]
async fn rot_is_found_and_not_restored() {
    let mut world = World::with_volume(24 * MIB).await;
    world.write(0, 0, noise(1, 24 * MIB)).await;
    let first = world.full(0).await;
    rot(&world, &world.backups[first].created.base.clone(), 13 * MIB).await;
    // the rotten region is written anew: this backup is right
    world.write(0, 12 * MIB, noise(2, 4 * MIB)).await;
    world.write(0, MIB, noise(3, MIB)).await;
    let second = world.increment(0).await;

    let error = world.verify(first).await.unwrap_err();
    assert!(is_damaged_at(&error, 12 * MIB), "{error}");
    assert!(world.verify(second).await.unwrap().checksums);

    // onto a new volume, over another content, and in place, where only what changed is read
    let empty = world.add_volume(Shape::plain(24 * MIB)).await;
    let other = world.add_volume(Shape::plain(24 * MIB)).await;
    world.write(other, 3 * MIB, noise(4, 15 * MIB)).await;
    for target in [empty, other, 0] {
        let error = restore_onto(&world, first, target).await.unwrap_err();
        assert!(is_damaged_at(&error, 12 * MIB), "{target}: {error}");
    }
    for target in [empty, other, 0] {
        restore_onto(&world, second, target).await.unwrap();
        world.volumes[target].bytes = world.backups[second].bytes.to_vec();
    }
    world.delete(first).await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rot_under_a_part_of_a_region_that_was_written_is_told_of_what_follows() {
    let mut world = World::with_volume(8 * MIB).await;
    world.write(0, 0, noise(1, 8 * MIB)).await;
    let first = world.full(0).await;
    rot(&world, &world.backups[first].created.base.clone(), 5 * MIB).await;
    world.write(0, 6 * MIB, noise(2, MIB)).await;
    let second = world.increment(0).await;
    for backup in [second, first] {
        let error = world.verify(backup).await.unwrap_err();
        assert!(is_damaged_at(&error, 4 * MIB), "{error}");
        world.delete(backup).await.unwrap();
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_was_lost_is_found() {
    let mut world = World::with_volume(24 * MIB).await;
    world.write(0, 0, noise(1, 10 * MIB)).await;
    let made = world.full(0).await;
    let base = world.backups[made].created.base.clone();
    let pool = &world.ceph.pools.backups;
    let id = pool.open_read_only(&base, None).await.unwrap().id().await.unwrap();
    pool.remove_object(&format!("rbd_data.{id}.{:016x}", 1)).await.unwrap();
    let error = world.verify(made).await.unwrap_err();
    assert!(is_damaged_at(&error, 4 * MIB), "{error}");
    world.delete(made).await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_cut_or_has_lost_its_restore_point_or_its_base_is_found() {
    let mut world = World::with_volume(12 * MIB).await;
    world.write(0, 0, noise(1, 12 * MIB)).await;
    let made = world.full(0).await;
    world.write(0, 0, noise(2, MIB)).await;
    let child = world.increment(0).await;
    let created = world.backups[child].created.clone();
    let base = world.ceph.pools.backups.open(&created.base).await.unwrap();
    base.remove_snapshot(&created.marker).await.unwrap();
    let error = world.verify(child).await.unwrap_err();
    assert!(matches!(error, Error::NoRestorePoint { others: true, .. }), "{error}");
    base.resize(8 * MIB, true).await.unwrap();
    base.create_snapshot(&created.marker).await.unwrap();
    let error = world.verify(child).await.unwrap_err();
    assert!(matches!(error, Error::Truncated { .. }), "{error}");
    let empty = world.add_volume(Shape::plain(12 * MIB)).await;
    let error = restore_onto(&world, child, empty).await.unwrap_err();
    assert!(matches!(error, Error::Truncated { .. }), "{error}");
    assert!(world.verify(made).await.unwrap().checksums, "nothing else is affected");
    base.close().await;
    world.delete(child).await.unwrap();

    let moved = format!("{}.away", created.base);
    crate::cluster::rbd(&["rename", &path(&world, &created.base), &path(&world, &moved)]).await;
    let error = world.verify(made).await.unwrap_err();
    assert!(matches!(error, Error::NoBase { .. }) && error.is_damage(), "{error}");
    crate::cluster::rbd(&["rename", &path(&world, &moved), &path(&world, &created.base)]).await;
    world.finish().await;
}

fn path(world: &World, image: &str) -> String {
    format!("{}/{image}", world.ceph.pools.backups.name())
}

/// Makes the next backup of the volume, which must be a full one although an increment was asked for, because of the
/// checksums of `suspect`.
async fn full_instead(world: &mut World, suspect: usize) -> usize {
    let parents = vec![world.backups[suspect].reference.clone()];
    let asked = world.ask(0, None, parents);
    let control = Control::unattended(Budget::new(0));
    let created = create::create(&world.ceph.pools, &asked.request, &control).await.unwrap();
    assert_eq!((created.parent, created.checksums), (None, true), "{created:?}");
    assert_eq!(created.suspects, [world.backups[suspect].id()]);
    world.keep_backup(&asked, created).await
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_checksums_are_told_and_nothing_is_built_upon_them() {
    let mut world = World::with_volume(12 * MIB).await;
    world.write(0, 0, noise(1, 12 * MIB)).await;
    let parent = world.full(0).await;
    let base = world.ceph.pools.backups.open(&world.backups[parent].created.base).await.unwrap();
    let index = format!("cindervault.sums.{}", world.backups[parent].id());
    world.write(0, 2 * MIB, noise(9, MIB)).await;
    for key in [index.clone(), format!("{index}.0")] {
        let whole = base.metadata(&key).await.unwrap().expect("it is there");
        for damaged in [Some("{\"version\":7}"), None] {
            match damaged {
                Some(damaged) => base.set_metadata(&key, damaged).await.unwrap(),
                None => base.remove_metadata(&key).await.unwrap(),
            }
            let error = world.verify(parent).await.unwrap_err();
            assert!(matches!(error, Error::BadSums { .. }) && error.is_damage(), "{error}");
            let error = restore_onto(&world, parent, 0).await.unwrap_err();
            assert!(matches!(error, Error::BadSums { .. }), "{error}");
            world.check_volume(0).await; // nothing was written
            // what one that lost its index has left is not swept
            let without = chain::delete::sweep_sums(&world.ceph.pools, &world.backups[parent].created.base).await;
            assert!(key != index || matches!(without, Err(Error::BadSums { .. })));
            let next = full_instead(&mut world, parent).await;
            assert!(world.verify(next).await.unwrap().checksums);
            world.delete(next).await.unwrap();
        }
        base.set_metadata(&key, &whole).await.unwrap();
        assert!(world.verify(parent).await.unwrap().checksums);
    }
    base.close().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_on_one_without_checksums_has_none_and_is_held_against_the_volumes_snapshot() {
    let mut world = World::with_volume(12 * MIB).await;
    world.write(0, 0, noise(1, 12 * MIB)).await;
    let mut asked = world.ask(0, None, Vec::new());
    asked.request.checksums = false;
    let parent = world.create(&asked).await.unwrap();
    assert!(!world.verify(parent).await.unwrap().checksums);
    world.write(0, MIB, noise(2, MIB)).await;
    let child = world.increment(0).await;
    let verified = world.verify(child).await.unwrap();
    assert!(!verified.checksums && verified.source, "compared with the marker instead: {verified:?}");

    // also what the volume is said to hold already is compared
    rot(&world, &world.backups[child].created.base.clone(), 9 * MIB).await;
    let error = world.verify(child).await.unwrap_err();
    assert!(matches!(error, Error::Differs { .. }), "{error}");
    let error = restore_onto(&world, child, 0).await.unwrap_err();
    assert!(matches!(error, Error::Differs { .. }), "{error}");
    world.delete(child).await.unwrap();
    world.delete(parent).await.unwrap();
    world.finish_without_looking().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_is_no_longer_what_its_snapshot_was_taken_of_is_mended() {
    let mut world = World::with_volume(40 * MIB).await;
    world.write(0, 0, noise(1, 30 * MIB)).await;
    let made = world.full(0).await;
    // the snapshot and the volume have these objects in common: what they lose, neither knows of
    let volumes = world.ceph.pools.volumes.clone();
    let image = world.volumes[0].image.clone();
    rot_in(&volumes, &image, 9 * MIB).await;
    let id = volumes.open_read_only(&image, None).await.unwrap().id().await.unwrap();
    volumes.remove_object(&format!("rbd_data.{id}.{:016x}", 4)).await.unwrap();
    let verified = world.verify(made).await.unwrap();
    assert!(verified.checksums && verified.source_differs && !verified.source, "the backup is sound: {verified:?}");

    let restored = world.restore_onto(made, 0, None).await;
    assert_eq!(restored.plan, restore::Plan::Repair);
    assert!(restored.compared >= 25 * MIB, "{restored:?}");
    assert!((4 * MIB..10 * MIB).contains(&restored.written), "only what differs is written: {restored:?}");
    let again = world.restore_onto(made, 0, None).await;
    assert_eq!(
        again.written, again.examined,
        "what was mended now differs from the snapshot, and nothing else: {again:?}"
    );

    // an object that the object map knows nothing of is there for some readers, and can not be written
    let object = format!("rbd_data.{id}.{:016x}", 9);
    volumes.write_object(&object, noise(5, MIB)).await.unwrap();
    let error = restore_onto(&world, made, 0).await.unwrap_err();
    assert!(matches!(error, Error::NotMended { offset, .. } if offset == 36 * MIB), "{error}");
    volumes.remove_object(&object).await.unwrap();

    // where both are rotten nothing is right
    rot_in(&volumes, &image, 21 * MIB).await;
    rot(&world, &world.backups[made].created.base.clone(), 22 * MIB).await;
    let error = restore_onto(&world, made, 0).await.unwrap_err();
    assert!(is_damaged_at(&error, 20 * MIB), "{error}");
    world.delete(made).await.unwrap();
    world.finish_without_looking().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checksums_cost_what_changed_and_go_with_the_last_that_needs_them() {
    // three segments of 4 GiB: too large for a model of its bytes
    let pools = Ceph::shared().await.pools.clone();
    let volume = uuid::Uuid::new_v4();
    let image = volume_image(volume);
    pools.volumes.create_image(&image, 9 << 30, None, None).await.unwrap();
    let source = pools.volumes.open(&image).await.unwrap();
    for place in [0, 5 << 30, (9 << 30) - MIB] {
        source.write(place, noise(place, MIB).into()).await.unwrap();
    }
    let control = Control::unattended(Budget::new(0));
    let full = create::Request {
        backup: uuid::Uuid::new_v4(),
        volume,
        image: image.clone(),
        snapshot: None,
        parents: Vec::new(),
        places: Vec::new(),
        checksums: true,
        metadata: VolumeMetadata::default(),
    };
    let made = create::create(&pools, &full, &control).await.unwrap();
    source.write((5 << 30) + 9 * MIB, noise(7, MIB).into()).await.unwrap();
    let reference = |request: &create::Request| chain::BaseRef {
        backup: request.backup,
        volume: request.volume,
        base: Some(made.base.clone()),
        snapshot: None,
        checksums: true,
    };
    let (backup, parents) = (uuid::Uuid::new_v4(), vec![reference(&full)]);
    let next = create::Request { backup, parents, ..full.clone() };
    create::create(&pools, &next, &control).await.unwrap();

    let base = pools.backups.open_read_only(&made.base, None).await.unwrap();
    let keys = async || base.metadata_keys("cindervault.sums.").await.unwrap();
    let of = |id: uuid::Uuid, segment: &str| format!("cindervault.sums.{id}{segment}");
    let mut expected = vec![of(full.backup, ""), of(next.backup, "")];
    expected.extend([".0", ".1", ".2"].map(|segment| of(full.backup, segment)));
    expected.push(of(next.backup, ".1"));
    expected.sort();
    assert_eq!(keys().await, expected, "the increment has the sums of what it changed");

    let delete = |request: &create::Request| chain::delete::Request {
        reference: reference(request),
        image: request.image.clone(),
        sole_legacy: false,
        failed: false,
    };
    chain::delete::delete(&pools, &[delete(&full)], &control).await.unwrap();
    let mut expected = vec![of(next.backup, ""), of(next.backup, ".1"), of(full.backup, ".0"), of(full.backup, ".2")];
    expected.sort();
    assert_eq!(keys().await, expected, "what the increment refers to is kept");
    let request =
        chain::verify::Request { reference: reference(&next), image: next.image.clone(), bytes_per_second: None };
    let verified = chain::verify::verify(&pools, &request, &control).await.unwrap();
    assert!(verified.checksums && verified.source, "{verified:?}");
    chain::delete::delete(&pools, &[delete(&next)], &control).await.unwrap();
    source.close().await;
    pools.volumes.remove_image(&image).await.unwrap();
}
