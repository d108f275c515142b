//! Chains, step by step: names, parents, and what hides from a difference.

use chain::names::{base_image, metadata_object, volume_image};
use chain::restore::Plan;
use chain::{BaseRef, Error, create, metadata, restore};
use rbd::Features;
use uuid::Uuid;

use crate::cluster::{self, Ceph};
use crate::interrupt::{Interruption, recording, undisturbed};
use crate::world::{KIB, MIB, Shape, World, noise, side_by_side};

/// The places of steps in an incremental backup.
const COMMIT: usize = 3;
const METADATA: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_one_image_with_a_snapshot_for_each_backup() {
    let mut world = World::with_volume(8 * MIB).await;
    world.write(0, 0, noise(1, 5 * MIB)).await;
    let full = world.full(0).await;
    let full = world.backups[full].clone();
    assert_eq!(full.created.base, base_image(world.volumes[0].id, full.id()));
    assert!(full.created.marker.starts_with(&format!("backup.{}.snap.1", full.id())), "{}", full.created.marker);
    assert_eq!((full.created.parent, full.created.size), (None, 8 * MIB));

    world.write(0, 3 * MIB, noise(2, 100)).await;
    let second = world.increment(0).await;
    let second = world.backups[second].clone();
    assert_eq!((&second.created.base, second.created.parent), (&full.created.base, Some(full.id())));
    assert!(second.created.written < 64 * KIB, "{:?}", second.created);

    let snapshot = world.snapshot(0).await;
    world.write(0, 0, noise(3, MIB)).await;
    let third = world.increment_of(0, snapshot).await;
    let third = world.backups[third].clone();
    assert_eq!((&third.created.base, third.created.parent), (&full.created.base, Some(second.id())));
    assert_eq!(
        world.snapshots_on_base(&full.created.base).await.unwrap(),
        [full.created.marker.clone(), second.created.marker.clone(), third.created.marker.clone()]
    );
    // a volume snapshot is its own marker
    let image = world.ceph.pools.volumes.open_read_only(&world.volumes[0].image, None).await.unwrap();
    let on_volume: Vec<String> = image.snapshots().await.unwrap().into_iter().map(|found| found.name).collect();
    let own = chain::names::volume_snapshot(world.volumes[0].snapshots[0].id);
    assert_eq!(on_volume, [full.created.marker.clone(), second.created.marker.clone(), own]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_backup_of_a_snapshot_gets_an_image_of_its_own() {
    let mut world = World::with_volume(4 * MIB).await;
    world.write(0, 1000, noise(1, MIB)).await;
    let snapshot = world.snapshot(0).await;
    world.write(0, 0, noise(2, 2 * MIB)).await;
    let asked = world.ask(0, Some(snapshot), Vec::new());
    let made = world.create(&asked).await.unwrap();
    let made = &world.backups[made];
    assert_eq!(made.created.base, base_image(world.volumes[0].id, made.id()));
    world.check_backups().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_are_announced_in_order() {
    use chain::Step::{BaseImage, Commit, Copy, Metadata, Plan, RemoveBase, RemoveMarker, RemovePoint, SourceSnapshot};
    let mut world = World::with_volume(MIB).await;
    let ceph = world.ceph.clone();
    let first = world.ask(0, None, Vec::new());
    let (control, steps) = recording(&ceph.budget);
    create::create(&ceph.pools, &first.request, &control).await.unwrap();
    assert_eq!(*steps.lock().unwrap(), [Plan, BaseImage, SourceSnapshot, Copy, Commit, Metadata]);

    // a call after the end finds the commit
    let (control, steps) = recording(&ceph.budget);
    create::create(&ceph.pools, &first.request, &control).await.unwrap();
    assert_eq!(*steps.lock().unwrap(), [Plan, Metadata]);

    let (control, steps) = recording(&ceph.budget);
    create::abandon(&ceph.pools, &first.request, &control).await.unwrap();
    assert_eq!(*steps.lock().unwrap(), [RemovePoint, RemoveBase, Metadata, RemoveMarker]);

    let full = world.full(0).await;
    let second = world.ask(0, None, vec![world.backups[full].reference.clone()]);
    let (control, steps) = recording(&ceph.budget);
    create::create(&ceph.pools, &second.request, &control).await.unwrap();
    assert_eq!(*steps.lock().unwrap(), [Plan, SourceSnapshot, Copy, Commit, Metadata]);
    world.abandon(&second).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_increment_lands_in_the_newest_full_backup_also_after_a_restore() {
    let mut world = World::with_volume(6 * MIB).await;
    world.write(0, 0, noise(1, 2 * MIB)).await;
    let old = world.full(0).await;
    world.write(0, MIB, noise(2, 2 * MIB)).await;
    let newest = world.full(0).await;
    assert_ne!(world.backups[old].created.base, world.backups[newest].created.base);

    let restored = world.restore_onto(old, 0, None).await;
    assert_eq!(restored.plan, Plan::Repair);
    world.write(0, 5 * MIB, noise(3, 10)).await;
    let increment = world.increment(0).await;
    let increment = &world.backups[increment].created;
    assert_eq!(increment.base, world.backups[newest].created.base);
    assert_eq!(increment.parent, Some(world.backups[newest].id()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_can_not_serve_is_passed_over() {
    let mut world = World::with_volume(2 * MIB).await;
    world.write(0, 0, noise(1, MIB)).await;
    let good = world.full(0).await;
    let good = world.backups[good].clone();
    let own = |base: Option<String>| BaseRef { backup: Uuid::new_v4(), base, snapshot: None, ..good.reference.clone() };
    let strange = own(Some("somebody-elses-image".to_owned()));
    let nowhere = own(None);
    let no_point = own(Some(good.created.base.clone()));

    // with a good one among them the increment is made
    let asked = world.ask(0, None, vec![strange.clone(), nowhere.clone(), no_point.clone(), good.reference.clone()]);
    let made = world.create(&asked).await.unwrap();
    assert_eq!(world.backups[made].created.parent, Some(good.id()));

    // and without one a full backup
    for parents in [vec![strange.clone()], vec![nowhere], vec![no_point]] {
        let asked = world.ask(0, None, parents);
        let made = world.create(&asked).await.unwrap();
        assert_eq!(world.backups[made].created.parent, None);
    }

    // the marker is gone from the volume: an older parent serves
    world.write(0, 0, noise(2, 10)).await;
    let newer = world.increment(0).await;
    let older = newer - 1;
    world.trim_marker(newer).await;
    let made = world.increment(0).await;
    assert_eq!(world.backups[made].created.parent, Some(world.backups[older].id()));
    world.check_backups().await;

    // what could not serve does not keep a failed backup from being cleaned up
    let asked = world.ask(0, None, vec![strange, good.reference]);
    assert!(world.interrupt_create(&asked, Interruption::RefuseStep(COMMIT)).await.is_none());
    world.abandon(&asked).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_attempt_names_the_parent_it_was_made_from() {
    let mut world = World::with_volume(MIB).await;
    let full = world.full(0).await;
    let newer = world.increment(0).await;
    world.trim_marker(newer).await;
    let parents = world.parents(0, None);
    let asked = world.ask(0, None, parents);
    // the newer one stands last on the base, but the increment starts from the full one
    assert!(world.interrupt_create(&asked, Interruption::RefuseStep(METADATA)).await.is_none());
    let made = world.create(&asked).await.unwrap();
    assert_eq!(world.backups[made].created.parent, Some(world.backups[full].id()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_found_in_the_base_of_a_parent_whose_record_does_not_name_it() {
    let mut world = World::with_volume(MIB).await;
    let full = world.full(0).await;
    let old_record = BaseRef { base: None, ..world.backups[full].reference.clone() };
    let snapshot = world.snapshot(0).await;

    let asked = world.ask(0, Some(snapshot), vec![old_record.clone()]);
    assert!(world.interrupt_create(&asked, Interruption::RefuseStep(METADATA)).await.is_none());
    world.abandon(&asked).await;
    world.check_backups().await;

    let asked = world.ask(0, Some(snapshot), vec![old_record]);
    assert!(world.interrupt_create(&asked, Interruption::RefuseStep(METADATA)).await.is_none());
    let made = world.create(&asked).await.unwrap();
    assert_eq!(world.backups[made].created.parent, Some(world.backups[full].id()));
    world.check_backups().await;
    world.finish().await;
}

/// What may have happened to the object map of a base's head.
#[derive(Clone, Copy)]
enum HeadMap {
    Right,
    Lost,
    SwitchedOffAndOn,
    Never,
}

impl HeadMap {
    async fn befall(self, ceph: &Ceph, base: &str) {
        let path = format!("{}/{base}", ceph.pools.backups.name());
        match self {
            Self::Right => {}
            Self::Lost => {
                let image = ceph.pools.backups.open_read_only(base, None).await.unwrap();
                let map = format!("rbd_object_map.{}", image.id().await.unwrap());
                assert!(ceph.pools.backups.remove_object(&map).await.unwrap(), "{map}");
            }
            // the new maps are empty, and marked as not to be believed
            Self::SwitchedOffAndOn => {
                cluster::rbd(&["feature", "disable", &path, "fast-diff", "object-map"]).await;
                cluster::rbd(&["feature", "enable", &path, "object-map", "fast-diff"]).await;
            }
            Self::Never => {
                cluster::rbd(&["feature", "disable", &path, "fast-diff", "object-map"]).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_came_and_went_with_an_abandoned_backup_does_not_come_back() {
    let ceph = Ceph::shared().await;
    let maps = [HeadMap::Right, HeadMap::Lost, HeadMap::SwitchedOffAndOn, HeadMap::Never];
    side_by_side(maps.map(|map| {
        let ceph = ceph.clone();
        async move {
            let mut world = World::with_volume_on(&ceph, 16 * MIB).await;
            world.write(0, 0, noise(1, MIB)).await;
            let root = world.full(0).await;
            // whole objects of base and volume, which are holes before and after
            world.write(0, 4 * MIB, noise(2, 8 * MIB)).await;
            let asked = world.ask(0, None, world.parents(0, None));
            assert!(world.interrupt_create(&asked, Interruption::RefuseStep(COMMIT)).await.is_none());
            world.abandon(&asked).await;
            map.befall(&ceph, &world.backups[root].created.base).await;
            world.discard(0, 4 * MIB, 8 * MIB).await;
            if let HeadMap::Lost = map {
                // librbd makes a snapshot without a map, too, which it can not open then
                let asked = world.ask(0, None, world.parents(0, None));
                let error = world.create(&asked).await.unwrap_err();
                assert!(matches!(error, Error::HalfSnapshot { .. }), "{error}");
                assert!(error.to_string().contains("rbd object-map rebuild"), "{error}");
                world.abandon(&asked).await;
                let path = format!("{}/{}", ceph.pools.backups.name(), world.backups[root].created.base);
                cluster::rbd(&["object-map", "rebuild", "--no-progress", &path]).await;
            }
            world.increment(0).await;
            world.check_backups().await;
            world.finish().await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_is_also_set_right_when_a_shorter_restore_point_lies_between() {
    let mut world = World::with_volume(16 * MIB).await;
    world.write(0, 0, noise(1, 16 * MIB)).await;
    let root = world.full(0).await;
    world.resize(0, 5 * MIB).await;
    let shorter = world.increment(0).await;
    world.resize(0, 16 * MIB).await;
    world.write(0, 12 * MIB, noise(2, 100 * KIB)).await;
    // without its marker the shorter backup can not be the parent: the difference is taken over it
    world.trim_marker(shorter).await;
    let last = world.increment(0).await;
    assert_eq!(world.backups[last].created.parent, Some(world.backups[root].id()));
    world.check_backups().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_came_and_went_with_a_deleted_backup_does_not_come_back() {
    let mut world = World::with_volume(16 * MIB).await;
    world.write(0, 0, noise(1, MIB)).await;
    world.full(0).await;
    world.write(0, 4 * MIB, noise(2, 8 * MIB)).await;
    let middle = world.increment(0).await;
    world.delete(middle).await.unwrap();
    world.discard(0, 4 * MIB, 8 * MIB).await;
    world.increment(0).await;
    world.check_backups().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_attempt_may_leave_the_base_smaller_or_larger() {
    for detour in [3 * MIB + 77, 30 * MIB] {
        let mut world = World::with_volume(10 * MIB + 512).await;
        world.write(0, 0, noise(1, 10 * MIB)).await;
        world.full(0).await;
        world.resize(0, detour).await;
        world.write(0, detour - 1000, noise(2, 1000)).await;
        let asked = world.ask(0, None, world.parents(0, None));
        assert!(world.interrupt_create(&asked, Interruption::RefuseStep(COMMIT)).await.is_none());
        world.abandon(&asked).await;
        world.restore_onto(0, 0, None).await;
        world.resize(0, 10 * MIB + 512).await;
        world.increment(0).await;
        world.check_backups().await;
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_was_smaller_for_a_while_lost_its_parents_data() {
    let ceph = Ceph::shared().await;
    let cases = [Features::LAYERING, Shape::plain(0).features]
        .into_iter()
        .flat_map(|features| [MIB, 4 * MIB, 5 * MIB + 123].map(|smaller| (features, smaller)));
    side_by_side(cases.map(|(features, smaller)| {
        let ceph = ceph.clone();
        async move {
            let mut world = World::with_volume_on(&ceph, 12 * MIB).await;
            world.write(0, 0, noise(1, 12 * MIB)).await;
            let snapshot = world.snapshot(0).await;
            let clone = world.clone_of(0, snapshot, features).await;
            world.full(clone).await;
            world.resize(clone, smaller).await;
            world.resize(clone, 12 * MIB).await;
            world.increment(clone).await;
            world.check_backups().await;
            // onto the clone, too, by the difference
            let restored = world.restore_onto(0, clone, None).await;
            assert_eq!(restored.plan, Plan::Repair);
            world.flatten(clone).await;
            world.increment(clone).await;
            world.check().await;
            world.finish().await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snapshot_of_a_flattened_clone_still_reads_its_parent() {
    let mut world = World::with_volume(8 * MIB).await;
    world.write(0, 0, noise(1, 8 * MIB)).await;
    let snapshot = world.snapshot(0).await;
    let clone = world.clone_of(0, snapshot, Features::LAYERING).await;
    world.write(clone, MIB, noise(2, MIB)).await;
    let before = world.snapshot(clone).await;
    world.flatten(clone).await;
    world.discard(clone, 4 * MIB, 4 * MIB).await;
    let asked = world.ask(clone, Some(before), Vec::new());
    world.create(&asked).await.unwrap();
    world.increment(clone).await;
    world.check_backups().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_older_than_the_newest_backup_starts_from_an_older_one() {
    let mut world = World::with_volume(8 * MIB).await;
    world.write(0, 0, noise(1, 8 * MIB)).await;
    let full = world.full(0).await;
    world.write(0, MIB, noise(2, 100)).await;
    let snapshot = world.snapshot(0).await;
    world.write(0, 4 * MIB, noise(3, 4 * MIB)).await;
    let newer = world.increment(0).await;

    // even when the newer one is offered
    let parents = vec![world.backups[newer].reference.clone(), world.backups[full].reference.clone()];
    let asked = world.ask(0, Some(snapshot), parents);
    let made = world.create(&asked).await.unwrap();
    assert_eq!(world.backups[made].created.parent, Some(world.backups[full].id()));
    assert_eq!(world.backups[made].created.base, world.backups[full].created.base);

    // the next of the volume starts from the newer one, over a head that holds the snapshot
    let next = world.increment(0).await;
    assert_eq!(world.backups[next].created.parent, Some(world.backups[newer].id()));
    world.check_backups().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_is_no_multiple_of_anything_is_kept() {
    let ceph = Ceph::shared().await;
    side_by_side([1, 511, 4 * MIB + 1, 5 * MIB + 16 * KIB + 512].map(|size| {
        let ceph = ceph.clone();
        async move {
            let mut world = World::with_volume_on(&ceph, size).await;
            world.write(0, size - 1, noise(1, 1)).await;
            let full = world.full(0).await;
            world.resize(0, size + MIB + 3).await;
            world.write(0, size, noise(2, MIB)).await;
            world.increment(0).await;
            world.check_backups().await;
            let mut shape = Shape::plain(size);
            world.restore_to_new(full, shape).await;
            shape.size = 9 * MIB;
            world.restore_to_new(full, shape).await;
            world.finish().await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_striped_volume_is_backed_up_and_restored() {
    let mut world = World::new(Ceph::shared().await);
    let shape = Shape { order: 20, stripes: Some((256 * KIB, 3)), ..Shape::plain(10 * MIB + 5000) };
    world.add_volume(shape).await;
    world.write(0, 100, noise(1, 7 * MIB)).await;
    let full = world.full(0).await;
    world.discard(0, 3 * MIB, 3 * MIB).await;
    world.write(0, 9 * MIB, noise(2, MIB)).await;
    world.increment(0).await;
    world.check_backups().await;
    world.restore_onto(full, 0, None).await;
    world.restore_to_new(full, Shape { stripes: Some((64 * KIB, 5)), ..shape }).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_object_is_written_read_and_removed() {
    let mut world = World::with_volume(MIB).await;
    let asked = world.ask(0, None, Vec::new());
    let made = world.create(&asked).await.unwrap();
    let pool = world.ceph.pools.backups.clone();
    let stored = metadata::read(&pool, asked.request.backup).await.unwrap();
    assert_eq!(stored, Some(asked.request.metadata.clone()));
    world.delete(made).await.unwrap();
    assert_eq!(metadata::read(&pool, asked.request.backup).await.unwrap(), None);
    assert!(!pool.object_exists(&metadata_object(asked.request.backup)).await.unwrap());
    world.finish().await;
}

/// Offsets of more than 32 bits, and changes on both sides of the borders of the ranges that are compared at
/// once. Too large for a byte array: only the places that hold something are known.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_sparse_volume_is_copied_where_it_holds_something() {
    const GIB: u64 = 1 << 30;
    let ceph = Ceph::shared().await;
    let (volumes, backups) = (&ceph.pools.volumes, &ceph.pools.backups);
    let id = Uuid::new_v4();
    let size = 6 * GIB + 512;
    volumes.create_image(&volume_image(id), size, None, None).await.unwrap();
    let image = volumes.open(&volume_image(id)).await.unwrap();
    let mut places = vec![0, GIB - 5000, 2 * GIB, 4 * GIB - 5000, 5 * GIB - 1, size - 10_000];
    for &at in &places {
        image.write(at, noise(at, 10_000).into()).await.unwrap();
    }
    let mut request = create::Request {
        backup: Uuid::new_v4(),
        volume: id,
        image: volume_image(id),
        snapshot: None,
        parents: Vec::new(),
        places: Vec::new(),
        checksums: true,
        metadata: metadata::VolumeMetadata::default(),
    };
    let full = undisturbed(&ceph.budget, async |control| create::create(&ceph.pools, &request, control).await);
    let full = full.await.unwrap();
    assert_eq!(full.size, size);
    assert!(full.written < 16 * 10_000, "{full:?}");

    places.push(3 * GIB - 5000);
    image.write(3 * GIB - 5000, noise(3 * GIB - 5000, 10_000).into()).await.unwrap();
    let first = request.clone();
    let base = full.base.clone();
    let reference = |backup| BaseRef { backup, volume: id, base: Some(base.clone()), snapshot: None, checksums: true };
    request.parents = vec![reference(request.backup)];
    request.backup = Uuid::new_v4();
    let second = undisturbed(&ceph.budget, async |control| create::create(&ceph.pools, &request, control).await);
    let second = second.await.unwrap();
    assert_eq!(second.parent, Some(first.backup));
    // in an object that did not exist, what changed begins where the object does
    assert!(second.written < 4 * MIB + 64 * KIB, "{second:?}");

    let target = volume_image(Uuid::new_v4());
    volumes.create_image(&target, size, None, None).await.unwrap();
    let restoring = restore::Request { reference: reference(request.backup), image: target.clone() };
    let restored = undisturbed(&ceph.budget, async |control| restore::restore(&ceph.pools, &restoring, control).await);
    assert_eq!(restored.await.unwrap().plan, Plan::Fill);
    for (pool, name, snapshot) in [(backups, &full.base, Some(second.marker.as_str())), (volumes, &target, None)] {
        let copy = pool.open_read_only(name, snapshot).await.unwrap();
        for &at in &places {
            assert_eq!(copy.read(at, 10_000).await.unwrap(), noise(at, 10_000), "{name} at {at}");
        }
        let held = copy.diff(None, 0..size, true, rbd::DiffMode::Precise).await.unwrap();
        assert!(held.iter().map(|extent| extent.len).sum::<u64>() < 20 * 4 * MIB, "{name} is not sparse: {held:?}");
    }

    image.close().await;
    create::abandon(&ceph.pools, &request, &chain::Control::unattended(ceph.budget.clone())).await.unwrap();
    create::abandon(&ceph.pools, &first, &chain::Control::unattended(ceph.budget.clone())).await.unwrap();
    for name in [volume_image(id), target] {
        volumes.remove_image(&name).await.unwrap();
    }
    let listed = cluster::rbd(&["ls", backups.name()]).await;
    assert!(!listed.contains(&id.to_string()), "{listed}");
}
