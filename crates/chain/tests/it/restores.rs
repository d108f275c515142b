//! Restores: plans, costs, and what is refused.

use chain::names::{base_image, legacy_base_image, volume_image};
use chain::restore::{Plan, Restored};
use chain::{BaseRef, Error, restore};
use uuid::Uuid;

use crate::interrupt::{Interruption, undisturbed};
use crate::world::{KIB, MIB, Shape, World, allocated, assert_content, noise};

async fn restore(world: &World, reference: BaseRef, image: &str) -> chain::Result<Restored> {
    let request = restore::Request { reference, image: image.to_owned() };
    undisturbed(&world.ceph.budget, async |control| restore::restore(&world.ceph.pools, &request, control).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_volume_gets_what_the_backup_holds_and_no_more() {
    let mut world = World::with_volume(32 * MIB).await;
    world.write(0, 3 * MIB, noise(1, MIB)).await;
    world.write_zeroes(0, 20 * MIB, MIB).await;
    world.write(0, 25 * MIB, vec![0; 1 << 20]).await;
    let made = world.full(0).await;
    let target = world.restore_to_new(made, Shape::plain(64 * MIB)).await;
    let image = world.ceph.pools.volumes.open_read_only(&world.volumes[target].image, None).await.unwrap();
    assert!(allocated(&image).await <= 4 * MIB);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_still_has_the_marker_costs_what_changed() {
    let mut world = World::with_volume(32 * MIB).await;
    world.write(0, 0, noise(1, 32 * MIB)).await;
    let made = world.full(0).await;
    world.write(0, 9 * MIB + 17, noise(2, 1000)).await;
    world.write_zeroes(0, 16 * MIB, 100 * KIB).await;
    let restored = world.restore_onto(made, 0, None).await;
    assert_eq!(restored.plan, Plan::Repair);
    assert!(restored.examined < 512 * KIB && restored.written < 512 * KIB, "{restored:?}");

    // so does one whose backup was made of a volume snapshot that is still there
    let snapshot = world.snapshot(0).await;
    world.write(0, 0, noise(3, MIB)).await;
    let of_snapshot = world.increment_of(0, snapshot).await;
    let restored = world.restore_onto(of_snapshot, 0, None).await;
    assert_eq!(restored.plan, Plan::Repair);
    assert!(restored.examined <= 4 * MIB, "{restored:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_volume_is_compared() {
    let mut world = World::with_volume(16 * MIB).await;
    world.write(0, 2 * MIB, noise(1, 9 * MIB)).await;
    let made = world.full(0).await;
    world.trim_marker(made).await;
    world.write(0, 13 * MIB, noise(2, MIB)).await;
    let restored = world.restore_onto(made, 0, None).await;
    assert_eq!(restored.plan, Plan::Compare);
    assert!(restored.written <= MIB, "only what differs is written: {restored:?}");

    let other = world.add_volume(Shape::plain(40 * MIB)).await;
    world.write(other, 0, noise(3, 30 * MIB)).await;
    world.snapshot(other).await;
    let restored = world.restore_onto(made, other, None).await;
    assert_eq!(restored.plan, Plan::Compare);
    world.check().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_shrank_or_grew_since_is_restored_whole() {
    let mut world = World::with_volume(10 * MIB + 512).await;
    world.write(0, 0, noise(1, 10 * MIB + 512)).await;
    let made = world.full(0).await;
    for size in [MIB, 5 * MIB + 3, 17 * MIB] {
        world.resize(0, size).await;
        world.write(0, size - 100, noise(2, 100)).await;
        let restored = world.restore_onto(made, 0, None).await;
        assert_eq!(restored.plan, Plan::Repair);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_restore_can_be_repeated() {
    let mut world = World::with_volume(24 * MIB).await;
    world.write(0, 0, noise(1, 24 * MIB)).await;
    let made = world.full(0).await;
    for interruption in [Interruption::RefuseStep(1), Interruption::CancelAtStep(1), Interruption::CancelAfter(9 * MIB)]
    {
        let empty = world.add_volume(Shape::plain(24 * MIB)).await;
        world.restore_onto(made, empty, Some(interruption)).await;
        world.write(0, 3 * MIB, noise(2, 15 * MIB)).await;
        world.restore_onto(made, 0, Some(interruption)).await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_copy_of_an_old_release_is_its_images_head() {
    let world = World::with_volume(2 * MIB).await;
    let (pools, volume) = (&world.ceph.pools, world.volumes[0].id);
    let backup = Uuid::new_v4();
    // of a volume: an image of its own; of a snapshot: the legacy base
    for (name, snapshot) in [(base_image(volume, backup), None), (legacy_base_image(volume), Some(Uuid::new_v4()))] {
        pools.backups.create_image(&name, 2 * MIB, None, None).await.unwrap();
        let image = pools.backups.open(&name).await.unwrap();
        let content = noise(3, 2 * MIB);
        image.write(0, content.clone().into()).await.unwrap();
        image.close().await;
        let reference = BaseRef { backup, volume, base: None, snapshot, checksums: false };
        let restored = restore(&world, reference, &world.volumes[0].image).await.unwrap();
        assert_eq!(restored.size, 2 * MIB);
        let target = pools.volumes.open_read_only(&world.volumes[0].image, None).await.unwrap();
        assert_content(&target, &content, &name).await;
        pools.backups.remove_image(&name).await.unwrap();
    }
    world.finish_without_looking().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_restored_says_why_and_leaves_the_volume_alone() {
    let mut world = World::with_volume(MIB).await;
    world.write(0, 0, noise(1, MIB)).await;
    let made = world.full(0).await;
    world.write(0, 0, noise(2, 1000)).await;
    let (image, good) = (world.volumes[0].image.clone(), world.backups[made].reference.clone());

    let nobody = BaseRef { backup: Uuid::new_v4(), ..good.clone() };
    let error = restore(&world, nobody, &image).await.unwrap_err();
    assert!(matches!(error, Error::NoRestorePoint { .. }), "{error}");

    let nowhere = BaseRef { base: Some(base_image(good.volume, Uuid::new_v4())), ..good.clone() };
    let error = restore(&world, nowhere, &image).await.unwrap_err();
    assert!(matches!(error, Error::NoBase { .. }), "{error}");

    let strange = BaseRef { base: Some(volume_image(good.volume)), ..good.clone() };
    let error = restore(&world, strange, &image).await.unwrap_err();
    assert!(matches!(error, Error::StrangeBase { .. }), "{error}");

    let error = restore(&world, good.clone(), &volume_image(Uuid::new_v4())).await.unwrap_err();
    assert!(matches!(error, Error::NoVolumeImage { .. }), "{error}");

    let twin = format!("backup.{}.snap.1.5", good.backup);
    let base = world.ceph.pools.backups.open(good.base.as_ref().unwrap()).await.unwrap();
    base.create_snapshot(&twin).await.unwrap();
    let error = restore(&world, good, &image).await.unwrap_err();
    assert!(matches!(error, Error::AmbiguousRestorePoint { count: 2, .. }), "{error}");
    base.remove_snapshot(&twin).await.unwrap();
    base.close().await;

    world.check().await;
    world.finish().await;
}
