//! Backups of a volume that somebody is using.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chain::{Control, create};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cluster;
use crate::world::{MIB, World, assert_content, noise, read_all};

/// Who holds the exclusive lock of an image.
async fn lock_owner(path: &str) -> serde_json::Value {
    serde_json::from_str(&cluster::rbd(&["lock", "ls", path, "--format", "json"]).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_keeps_its_lock_at_every_step() {
    let mut world = World::with_volume(8 * MIB).await;
    world.attach(0).await;
    world.write(0, 0, noise(1, 8 * MIB)).await;
    let path = format!("{}/{}", world.ceph.pools.volumes.name(), world.volumes[0].image);
    let owner = lock_owner(&path).await;
    assert_eq!(owner.as_array().unwrap().len(), 1, "{owner}");

    for round in 0..2 {
        let asked = world.ask(0, None, world.parents(0, None));
        let mut control = Control::unattended(world.ceph.budget.clone());
        let (expected, at) = (owner.clone(), path.clone());
        control.recorder = Box::new(move |step| {
            let (expected, at) = (expected.clone(), at.clone());
            Box::pin(async move {
                assert_eq!(lock_owner(&at).await, expected, "at step {step}");
                Ok(())
            })
        });
        // the guest is idle: a lock that was taken from it would not be back at once
        create::create(&world.ceph.pools, &asked.request, &control).await.unwrap();
        assert_eq!(lock_owner(&path).await, owner);
        let made = world.create(&asked).await.unwrap();
        assert_eq!(world.backups[made].created.parent.is_some(), round == 1);
        world.write(0, MIB, noise(2, MIB)).await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_goes_on_writing_sees_nothing_of_it() {
    let mut world = World::with_volume(16 * MIB).await;
    world.attach(0).await;
    world.write(0, 0, noise(1, 16 * MIB)).await;
    let path = format!("{}/{}", world.ceph.pools.volumes.name(), world.volumes[0].image);
    let owner = lock_owner(&path).await;

    let (stop, writes) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
    let mut guest = JoinSet::new();
    let (image, stopped, count) = (world.open(0).await, stop.clone(), writes.clone());
    guest.spawn(async move {
        while !stopped.is_cancelled() {
            let nth = count.fetch_add(1, Ordering::Relaxed);
            image.write(nth * 7919 % (15 * MIB), noise(nth, 5000).into()).await.unwrap();
        }
    });
    let mut made = Vec::new();
    for _ in 0..3 {
        let before = writes.load(Ordering::Relaxed);
        let mut asked =
            world.ask(0, None, made.iter().map(|(_, reference)| chain::BaseRef::clone(reference)).collect());
        asked.request.parents.reverse();
        let control = Control::unattended(world.ceph.budget.clone());
        let created = create::create(&world.ceph.pools, &asked.request, &control).await.unwrap();
        assert!(writes.load(Ordering::Relaxed) > before, "the guest stood still");
        let reference = chain::BaseRef {
            backup: asked.request.backup,
            volume: asked.request.volume,
            base: Some(created.base.clone()),
            snapshot: None,
            checksums: true,
        };
        made.push((created, reference));
    }
    stop.cancel();
    guest.join_next().await.unwrap().unwrap();
    assert_eq!(lock_owner(&path).await, owner);
    assert_eq!(made[2].0.parent, Some(made[1].1.backup));

    // each backup is the volume as it stood at its marker
    for (created, _) in &made {
        let volume = world.ceph.pools.volumes.open_read_only(&world.volumes[0].image, Some(&created.marker));
        let bytes = read_all(&volume.await.unwrap()).await;
        let base = world.ceph.pools.backups.open_read_only(&created.base, Some(&created.marker)).await.unwrap();
        assert_content(&base, &bytes, &created.marker).await;
    }
    for (_, reference) in made {
        let image = world.volumes[0].image.clone();
        let request = chain::delete::Request { reference, image, sole_legacy: false, failed: false };
        let control = Control::unattended(world.ceph.budget.clone());
        chain::delete::delete(&world.ceph.pools, &[request], &control).await.unwrap();
    }
    world.finish_without_looking().await;
}
