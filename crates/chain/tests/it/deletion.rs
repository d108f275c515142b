//! Deleting: what goes, what stays, and what is refused.

use std::sync::Arc;

use chain::names::{legacy_base_image, volume_image};
use chain::scan::{self, Mover};
use chain::{BaseRef, Error, delete, mutation};
use fail_points::Point;
use rbd::Features;
use uuid::Uuid;

use crate::cluster::{Ceph, rbd};
use crate::interrupt::{Interruption, undisturbed};
use crate::world::{MIB, World, noise, side_by_side};

async fn delete(world: &World, request: &delete::Request) -> chain::Result<delete::Deleted> {
    undisturbed(&world.ceph.budget, async |control| {
        delete::delete(&world.ceph.pools, std::slice::from_ref(request), control).await
    })
    .await
}

async fn chain_of_three(ceph: &Arc<Ceph>) -> World {
    let mut world = World::with_volume_on(ceph, 5 * MIB).await;
    for seed in 0..3 {
        world.write(0, seed * MIB, noise(seed, 2 * MIB)).await;
        world.increment(0).await; // the first has no parent: it is a full one
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_base_goes_with_the_last_backup_in_whatever_order() {
    let ceph = Ceph::shared().await;
    let orders = [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0], [2, 1, 0]];
    side_by_side(orders.into_iter().map(|order| {
        let ceph = ceph.clone();
        async move {
            let mut world = chain_of_three(&ceph).await;
            for (nth, backup) in order.into_iter().enumerate() {
                let base = world.backups[backup].created.base.clone();
                let deleted = world.delete(backup).await.unwrap();
                let last = nth == 2;
                assert_eq!(deleted, delete::Deleted { point: true, base: last, trashed: false, marker: true });
                assert_eq!(world.snapshots_on_base(&base).await.is_none(), last);
                world.check().await;
            }
            world.finish().await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_goes_on_where_it_stopped_and_twice_is_harmless() {
    let ceph = Ceph::shared().await;
    let cases = (0..4).flat_map(|step| (0..3).map(move |backup| (step, backup)));
    side_by_side(cases.map(|(step, backup)| {
        let ceph = ceph.clone();
        async move {
            let mut world = chain_of_three(&ceph).await;
            if backup == 0 {
                // alone in its base, so that all steps are taken
                world.delete(2).await.unwrap();
                world.delete(1).await.unwrap();
            }
            let request = world.deletion(backup);
            let through = world.interrupt_delete(backup, Interruption::RefuseStep(step)).await;
            assert_eq!(through, backup != 0 && step == 3, "step {step}");
            world.delete(backup).await.unwrap();
            let again = delete(&world, &request).await.unwrap();
            assert_eq!(again, delete::Deleted::default());
            world.check().await;
            world.finish().await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_whose_volume_is_gone_can_be_deleted() {
    let mut world = World::with_volume(MIB).await;
    let made = world.full(0).await;
    world.trim_marker(made).await;
    let mut request = world.deletion(made);
    request.image = volume_image(Uuid::new_v4());
    let deleted = delete(&world, &request).await.unwrap();
    assert_eq!(deleted, delete::Deleted { point: true, base: true, trashed: false, marker: false });
    world.backups.clear();
    world.finish().await;
}

/// A base as Cinder makes it of a volume snapshot: a plain copy without a restore point.
async fn make_legacy_base(world: &World) -> String {
    let name = legacy_base_image(world.volumes[0].id);
    world.ceph.pools.backups.create_image(&name, MIB, None, None).await.unwrap();
    let image = world.ceph.pools.backups.open(&name).await.unwrap();
    image.write(0, noise(7, MIB).into()).await.unwrap();
    image.close().await;
    name
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_backup_never_takes_the_legacy_base_along() {
    let mut world = World::with_volume(MIB).await;
    let legacy = make_legacy_base(&world).await;
    let volume = world.volumes[0].id;
    for base in [None, Some(legacy.clone())] {
        for snapshot in [None, Some(Uuid::new_v4())] {
            for (failed, sole_legacy) in [(true, false), (true, true), (false, false)] {
                let reference =
                    BaseRef { backup: Uuid::new_v4(), volume, base: base.clone(), snapshot, checksums: false };
                let image = world.volumes[0].image.clone();
                let request = delete::Request { reference, image, sole_legacy, failed };
                let deleted = delete(&world, &request).await.unwrap();
                assert_eq!(deleted, delete::Deleted::default(), "{request:?}");
                assert_eq!(world.snapshots_on_base(&legacy).await, Some(Vec::new()));
            }
        }
    }
    // nor does an attempt that offered it as the parent
    let base = Some(legacy.clone());
    let parent = BaseRef { backup: Uuid::new_v4(), volume, base, snapshot: None, checksums: false };
    let asked = world.ask(0, None, vec![parent.clone()]);
    assert!(world.interrupt_create(&asked, Interruption::RefuseStep(3)).await.is_none());
    world.abandon(&asked).await;
    assert_eq!(world.snapshots_on_base(&legacy).await, Some(Vec::new()));

    // its owner does
    let image = world.volumes[0].image.clone();
    let request = delete::Request { reference: parent, image, sole_legacy: true, failed: false };
    assert!(delete(&world, &request).await.unwrap().base);
    assert_eq!(world.snapshots_on_base(&legacy).await, None);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strange_base_in_the_records_is_refused() {
    let world = World::with_volume(MIB).await;
    let reference = BaseRef {
        backup: Uuid::new_v4(),
        volume: world.volumes[0].id,
        base: Some(volume_image(Uuid::new_v4())),
        snapshot: None,
        checksums: false,
    };
    let request =
        delete::Request { reference, image: world.volumes[0].image.clone(), sole_legacy: false, failed: false };
    let error = delete(&world, &request).await.unwrap_err();
    assert!(matches!(error, Error::StrangeBase { .. }), "{error}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_of_others_keep_the_base() {
    let mut world = World::with_volume(MIB).await;
    world.write(0, 0, noise(1, MIB)).await;
    let made = world.full(0).await;
    let base = world.backups[made].created.base.clone();
    let pool = world.ceph.pools.backups.clone();
    let image = pool.open(&base).await.unwrap();
    image.create_snapshot("by-an-operator").await.unwrap();
    image.close().await;

    let request = world.deletion(made);
    let error = delete(&world, &request).await.unwrap_err();
    assert!(error.to_string().contains("(by-an-operator)"), "{error}");
    assert!(matches!(error, Error::ForeignSnapshots { .. }), "{error}");
    // nothing that somebody could still want is gone
    let names = world.snapshots_on_base(&base).await.unwrap();
    assert!(names.contains(&"by-an-operator".to_owned()), "{names:?}");
    let kept = pool.open_read_only(&base, Some("by-an-operator")).await.unwrap();
    assert_eq!(kept.read(0, 1 << 20).await.unwrap(), *world.backups[made].bytes);

    let image = pool.open(&base).await.unwrap();
    image.remove_snapshot("by-an-operator").await.unwrap();
    image.close().await;
    let deleted = world.delete(made).await.unwrap();
    assert!(deleted.base, "{deleted:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_restore_point_goes_and_a_cloned_one_stays() {
    let mut world = chain_of_three(&Ceph::shared().await).await;
    let pool = world.ceph.pools.backups.clone();
    let created = world.backups[1].created.clone();
    let image = pool.open(&created.base).await.unwrap();
    image.protect_snapshot(&created.marker).await.unwrap();
    image.close().await;
    let child = format!("child-{}", Uuid::new_v4());
    pool.clone_image(&created.base, &created.marker, &child, Some(Features::LAYERING)).await.unwrap();

    let request = world.deletion(1);
    let error = delete(&world, &request).await.unwrap_err();
    assert!(matches!(error, Error::Cloned { .. }), "{error}");
    world.check_backups().await;

    pool.remove_image(&child).await.unwrap();
    let deleted = world.delete(1).await.unwrap();
    assert!(deleted.point && !deleted.base, "{deleted:?}");
    world.check_backups().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marker_that_somebody_protected_does_not_keep_the_backup() {
    let mut world = World::with_volume(MIB).await;
    let made = world.full(0).await;
    let marker = world.backups[made].created.marker.clone();
    let image = world.ceph.pools.volumes.open(&world.volumes[0].image).await.unwrap();
    image.protect_snapshot(&marker).await.unwrap();
    // removing the marker is the least of it (format spec 5.2): the backup is gone all the same
    let deleted = world.delete(made).await;
    image.unprotect_snapshot(&marker).await.unwrap();
    image.remove_snapshot(&marker).await.ok();
    image.close().await;
    assert!(deleted.unwrap().base);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deletion_moves_to_the_trash_says_so() {
    let ceph = Ceph::shared().await;
    let pool = &ceph.pools.volumes;
    let names = [(); 2].map(|()| volume_image(Uuid::new_v4()));
    for name in &names {
        mutation::create_image(Point::CreateVolume, pool, name, MIB, None).await.unwrap();
    }
    // a guest that has just written has the lock, too
    let held = ceph.guest.open(&names[0]).await.unwrap();
    held.write(0, vec![1; 512].into()).await.unwrap();
    mutation::trash_image(Point::TrashImage, pool, &names[0]).await.unwrap();
    held.close().await;
    rbd(&["trash", "mv", &format!("{}/{}", pool.name(), names[1])]).await;
    let seen = scan::trashed(pool).await.unwrap();
    for (name, mover) in names.iter().zip([Mover::Deletion, Mover::Somebody]) {
        let found = seen.iter().find(|one| one.image.name == *name).unwrap();
        assert_eq!(found.mover, mover, "{found:?}");
        mutation::purge_image(Point::RemoveVolume, pool, &found.image.id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_marker_is_in_nobodys_way_and_goes_with_its_backup() {
    let mut world = World::with_volume(5 * MIB).await;
    world.write(0, 0, noise(1, MIB)).await;
    let made = world.full(0).await;
    let twin = format!("backup.{}.snap.1.5", world.backups[made].reference.backup);
    let image = world.open(0).await;
    image.create_snapshot(&twin).await.unwrap();

    world.verify(made).await.unwrap();
    world.write(0, 0, noise(2, MIB)).await;
    let restored = world.restore_onto(made, 0, None).await;
    assert_eq!(restored.plan, chain::restore::Plan::Repair, "the marker is the one that has the restore point's name");

    world.delete(made).await.unwrap();
    assert_eq!(image.snapshots().await.unwrap(), []);
    image.close().await;
    world.check().await;
    world.finish().await;
}
