//! What is read, or made, by somebody else's hand while an operation runs. A handle on a snapshot has no watch:
//! librbd goes on reading when the snapshot is removed, and gives other bytes.

use std::future::Future;

use chain::names::Marker;
use chain::{Budget, Control, Error, Progress, create, restore};
use rbd::Pool;
use uuid::Uuid;

use crate::world::{MIB, World, noise};

/// Starts an operation, holds it when its copy has begun but has read nothing, lets `meanwhile` happen, and
/// lets it go on.
async fn meddled_with<T>(
    operation: impl AsyncFnOnce(&Control) -> chain::Result<T>,
    meanwhile: impl Future<Output = ()>,
) -> chain::Result<T> {
    let control = Control::unattended(Budget::new(0));
    let held = control.budget.take(u64::MAX).await;
    let mut progress = control.progress.subscribe();
    let begun = async {
        progress.wait_for(|now: &Progress| now.total > 0).await.unwrap();
        meanwhile.await;
        drop(held);
    };
    tokio::join!(operation(&control), begun).0
}

/// Removes the snapshots of an image that mark a backup.
async fn remove_markers(pool: &Pool, name: &str, backup: Uuid) {
    let image = pool.open(name).await.unwrap();
    let ours = |name: &str| Marker::parse(name).is_some_and(|marker| marker.backup() == backup);
    let snapshots = image.snapshots().await.unwrap();
    let marked: Vec<_> = snapshots.iter().filter(|snapshot| ours(&snapshot.name)).collect();
    assert_eq!(marked.len(), 1);
    image.remove_snapshot(&marked[0].name).await.unwrap();
    image.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_whose_marker_is_removed_fails_and_leaves_nothing() {
    for incremental in [false, true] {
        let mut world = World::with_volume(8 * MIB).await;
        world.write(0, 0, noise(1, 8 * MIB)).await;
        world.full(0).await;
        world.write(0, MIB, noise(2, 3 * MIB)).await;
        let parents = if incremental { world.parents(0, None) } else { Vec::new() };
        let asked = world.ask(0, None, parents);
        let pools = &world.ceph.pools;
        let meanwhile = async {
            remove_markers(&pools.volumes, &asked.request.image, asked.request.backup).await;
            // what the handle would go on to read
            let guest = pools.volumes.open(&asked.request.image).await.unwrap();
            guest.write(2 * MIB, noise(3, MIB).into()).await.unwrap();
            guest.close().await;
        };
        let make = async |control: &Control| create::create(pools, &asked.request, control).await;
        let error = meddled_with(make, meanwhile).await.unwrap_err();
        assert!(matches!(error, Error::SourceVanished { .. }), "{error}");
        assert!(error.to_string().contains(&asked.request.image), "{error}");
        world.abandon(&asked).await;
        world.volumes[0].bytes[as_index(2 * MIB)..as_index(3 * MIB)].copy_from_slice(&noise(3, MIB));
        world.check().await;
        world.increment(0).await;
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_increment_is_compared_with_must_be_there_to_the_end() {
    for on_the_base in [false, true] {
        let mut world = World::with_volume(12 * MIB).await;
        world.write(0, 0, noise(1, 12 * MIB)).await;
        let parent = world.full(0).await;
        world.discard(0, 4 * MIB, 4 * MIB).await;
        world.write(0, 0, noise(2, MIB)).await;
        let asked = world.ask(0, None, world.parents(0, None));
        let pools = &world.ceph.pools;
        let from = &world.backups[parent];
        let meanwhile = async {
            if on_the_base {
                remove_markers(&pools.backups, &from.created.base, from.id()).await;
            } else {
                remove_markers(&pools.volumes, &asked.request.image, from.id()).await;
            }
        };
        let make = async |control: &Control| create::create(pools, &asked.request, control).await;
        let error = meddled_with(make, meanwhile).await.unwrap_err();
        assert!(matches!(error, Error::SourceVanished { .. }), "{error}");
        // a restore point would be found by the next attempt, and taken for a backup
        let points = world.snapshots_on_base(&from.created.base).await.unwrap();
        assert!(!points.iter().any(|name| name.contains(&asked.request.backup.to_string())), "{points:?}");
        world.abandon(&asked).await;
        world.volumes[0].markers.retain(|backup, _| on_the_base || *backup != world.backups[parent].id());
        world.delete(parent).await.unwrap();
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_repair_is_compared_with_must_be_there_to_the_end() {
    let mut world = World::with_volume(12 * MIB).await;
    world.write(0, 0, noise(1, 12 * MIB)).await;
    let made = world.full(0).await;
    world.write(0, 0, noise(2, 5 * MIB)).await;
    let pools = &world.ceph.pools;
    let backup = &world.backups[made];
    let request = restore::Request { reference: backup.reference.clone(), image: world.volumes[0].image.clone() };
    let meanwhile = remove_markers(&pools.volumes, &request.image, backup.id());
    let write = async |control: &Control| restore::restore(pools, &request, control).await;
    let error = meddled_with(write, meanwhile).await.unwrap_err();
    assert!(matches!(error, Error::SourceVanished { .. }), "{error}");
    // without the marker both are compared, and it can be done
    let done = restore::restore(pools, &request, &Control::unattended(Budget::new(0))).await.unwrap();
    assert_eq!(done.plan, restore::Plan::Compare);
    let bytes = backup.bytes.to_vec();
    let volume = pools.volumes.open_read_only(&request.image, None).await.unwrap();
    crate::world::assert_content(&volume, &bytes, "the repaired volume").await;
    world.volumes[0].markers.clear();
    world.volumes[0].bytes = bytes;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_not_prove_to_hold_the_job_removes_nothing_that_another_made() {
    // a base that a successor fills
    let mut world = World::with_volume(8 * MIB).await;
    world.write(0, 0, noise(1, 8 * MIB)).await;
    let asked = world.ask(0, None, Vec::new());
    assert!(world.interrupt_create(&asked, crate::interrupt::Interruption::CancelAfter(MIB)).await.is_none());
    let pools = world.ceph.pools.clone();
    let base = chain::names::base_image(asked.request.volume, asked.request.backup);
    let id = pools.backups.open_read_only(&base, None).await.unwrap().id().await.unwrap();
    let late = || Control {
        prover: Box::new(|| Box::pin(std::future::ready(Err(chain::Interrupted::LeaseLost)))),
        ..Control::unattended(Budget::new(0))
    };
    let error = create::create(&pools, &asked.request, &late()).await.unwrap_err();
    assert!(error.is_interruption(), "{error}");
    assert_eq!(pools.backups.open_read_only(&base, None).await.unwrap().id().await.unwrap(), id);

    world.create(&asked).await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_whose_volume_is_replaced_fails() {
    let mut world = World::with_volume(8 * MIB).await;
    world.write(0, 0, noise(1, 8 * MIB)).await;
    let asked = world.ask(0, None, Vec::new());
    let (pools, image) = (&world.ceph.pools, &asked.request.image);
    let meanwhile = async {
        remove_markers(&pools.volumes, image, asked.request.backup).await;
        pools.volumes.remove_image(image).await.unwrap();
        // one of that name, even with a snapshot of that name, is not the one that is read
        pools.volumes.create_image(image, 8 * MIB, None, None).await.unwrap();
    };
    let make = async |control: &Control| create::create(pools, &asked.request, control).await;
    let error = meddled_with(make, meanwhile).await.unwrap_err();
    assert!(matches!(error, Error::SourceVanished { .. }), "{error}");
    world.abandon(&asked).await;
    world.volumes[0].bytes.fill(0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_whose_restore_point_is_removed_fails() {
    let mut world = World::with_volume(8 * MIB).await;
    world.write(0, 0, noise(1, 8 * MIB)).await;
    let made = world.full(0).await;
    world.write(0, 0, noise(2, 8 * MIB)).await;
    let pools = &world.ceph.pools;
    let backup = &world.backups[made];
    let request = restore::Request { reference: backup.reference.clone(), image: world.volumes[0].image.clone() };
    let meanwhile = remove_markers(&pools.backups, &backup.created.base, backup.id());
    let write = async |control: &Control| restore::restore(pools, &request, control).await;
    let error = meddled_with(write, meanwhile).await.unwrap_err();
    assert!(matches!(error, Error::SourceVanished { .. }), "{error}");

    // and from then on the base's head is not taken for the backup
    let control = Control::unattended(Budget::new(0));
    let error = restore::restore(pools, &request, &control).await.unwrap_err();
    assert!(matches!(error, Error::NoRestorePoint { .. }), "{error}");
    world.delete(made).await.unwrap();
    world.finish_without_looking().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_point_that_somebody_made_too_early_is_made_again() {
    for of_snapshot in [false, true] {
        let mut world = World::with_volume(8 * MIB).await;
        world.write(0, 0, noise(1, 8 * MIB)).await;
        let snapshot = if of_snapshot { Some(world.snapshot(0).await) } else { None };
        let asked = world.ask(0, snapshot, Vec::new());
        // an attempt stopped before its commit
        assert!(world.interrupt_create(&asked, crate::interrupt::Interruption::CancelAfter(MIB)).await.is_none());
        let pools = &world.ceph.pools;
        let base = chain::names::base_image(asked.request.volume, asked.request.backup);
        let marker = expected_marker(pools, &asked.request).await;
        let meanwhile = async {
            let early = pools.backups.open(&base).await.unwrap();
            early.create_snapshot(marker.name()).await.unwrap();
            early.close().await;
        };
        let make = async |control: &Control| create::create(pools, &asked.request, control).await;
        let created = meddled_with(make, meanwhile).await.unwrap();
        assert_eq!(created.marker, marker.name());
        world.keep_backup(&asked, created).await;
        world.finish().await;
    }
}

/// The name that every attempt at a backup gives its restore point.
async fn expected_marker(pools: &chain::Pools, request: &create::Request) -> Marker {
    let volume = pools.volumes.open_read_only(&request.image, None).await.unwrap();
    let snapshots = volume.snapshots().await.unwrap();
    let Some(snapshot) = request.snapshot else {
        return snapshots.iter().find_map(|snapshot| Marker::parse(&snapshot.name)).unwrap();
    };
    let name = chain::names::volume_snapshot(snapshot);
    let snapshot = snapshots.iter().find(|snapshot| snapshot.name == name).unwrap();
    Marker::new(request.backup, volume.snapshot_time(snapshot.id).await.unwrap())
}

fn as_index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap()
}
