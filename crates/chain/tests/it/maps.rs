//! Object maps of a volume's snapshots that are wrong: librbd reads nothing that they do not know of.

use chain::metadata::VolumeMetadata;
use chain::names::volume_image;
use chain::{BaseRef, Error, create};
use rbd::{Features, Image};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cluster::Ceph;
use crate::interrupt::{Interruption, undisturbed};
use crate::world::{MIB, World, noise};

/// The object with the map of a snapshot.
async fn map_of(image: &Image, named: impl Fn(&str) -> bool) -> String {
    let snapshot = image.snapshots().await.unwrap().into_iter().find(|snapshot| named(&snapshot.name)).unwrap();
    format!("rbd_object_map.{}.{:016x}", image.id().await.unwrap(), snapshot.id)
}

/// Gives a snapshot the map of an earlier one, as a guest leaves it that writes an object for the first time while the
/// snapshot is made.
async fn make_stale(image: &Image, earlier: impl Fn(&str) -> bool, stale: impl Fn(&str) -> bool) {
    let (from, to) = (map_of(image, earlier).await, map_of(image, stale).await);
    let map = image.pool().read_object(&from, 1 << 20).await.unwrap().unwrap();
    image.pool().write_object(&to, map).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marker_whose_map_is_stale_is_no_source_and_another_one_is() {
    for incremental in [false, true] {
        let mut world = World::with_volume(16 * MIB).await;
        world.write(0, 0, noise(1, 3 * MIB)).await;
        if incremental {
            world.full(0).await;
        }
        world.snapshot(0).await;
        world.write(0, 9 * MIB, noise(2, MIB)).await;
        let parents = world.parents(0, None);
        let asked = world.ask(0, None, parents);
        // it has its marker, and has copied nothing
        let before_the_copy = Interruption::RefuseStep(if incremental { 2 } else { 3 });
        assert!(world.interrupt_create(&asked, before_the_copy).await.is_none());
        let image = world.open(0).await;
        make_stale(
            &image,
            |name| name.starts_with("snapshot-"),
            |name| name.contains(&asked.request.backup.to_string()),
        )
        .await;
        image.close().await;

        let ceph = world.ceph.clone();
        let make = async |control: &_| create::create(&ceph.pools, &asked.request, control).await;
        let error = undisturbed(&ceph.budget, make).await.unwrap_err();
        assert!(matches!(error, Error::StaleMap { offset, .. } if offset / (4 * MIB) == 2), "{error}");
        world.abandon(&asked).await;
        world.create(&asked).await.unwrap();
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_whose_map_is_stale_is_backed_up_when_that_is_rebuilt() {
    let mut world = World::with_volume(16 * MIB).await;
    world.snapshot(0).await;
    world.write(0, 4 * MIB, noise(1, 6 * MIB)).await;
    let late = world.snapshot(0).await;
    let names = [0, late].map(|snapshot| format!("snapshot-{}", world.volumes[0].snapshots[snapshot].id));
    let image = world.open(0).await;
    make_stale(&image, |name| name == names[0], |name| name == names[1]).await;
    let path = format!("{}@{}", image.path(), names[1]);
    image.close().await;

    let asked = world.ask(0, Some(late), Vec::new());
    let error = world.create(&asked).await.unwrap_err();
    assert!(error.to_string().contains(&format!("rbd object-map rebuild {path}")), "{error}");
    world.abandon(&asked).await;
    crate::cluster::rbd(&["object-map", "rebuild", &path]).await;
    world.create(&asked).await.unwrap();
    world.finish().await;
}

/// Each first write to an object of a clone copies it from the parent, into its snapshots and their maps: an open handle
/// does not know of it. Too large for a byte array, so that there is time for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_a_guest_writes_to_is_backed_up() {
    const SIZE: u64 = 6 << 30;
    const EVERY: u64 = 8 * MIB;
    const LEN: u64 = 4096;
    let ceph = Ceph::shared().await;
    let (volumes, backups) = (&ceph.pools.volumes, &ceph.pools.backups);
    let (parent, id) = (volume_image(Uuid::new_v4()), Uuid::new_v4());
    let clone = volume_image(id);
    let features =
        Features::LAYERING.with(Features::EXCLUSIVE_LOCK).with(Features::OBJECT_MAP).with(Features::FAST_DIFF);
    volumes.create_image(&parent, SIZE, Some(features), None).await.unwrap();
    let image = volumes.open(&parent).await.unwrap();
    let places: Vec<u64> = (0..SIZE / EVERY).map(|index| index * EVERY).collect();
    for &place in &places {
        image.write(place, noise(place, LEN).into()).await.unwrap();
    }
    image.create_snapshot("golden").await.unwrap();
    image.protect_snapshot("golden").await.unwrap();
    volumes.clone_image(&parent, "golden", &clone, Some(features)).await.unwrap();

    // from the end to the start, towards the backup
    let guest = volumes.open(&clone).await.unwrap();
    let (stop, mut writing) = (CancellationToken::new(), JoinSet::new());
    let (stopped, disk, order) = (stop.clone(), guest.clone(), places.clone());
    writing.spawn(async move {
        let mut written = 0;
        for place in order.into_iter().rev().take_while(|_| !stopped.is_cancelled()) {
            disk.write(place + 8192, noise(place + 1, LEN).into()).await.unwrap();
            written += 1;
        }
        written
    });

    let mut parents: Vec<BaseRef> = Vec::new();
    let mut made = Vec::new();
    for _ in 0..2 {
        let request = create::Request {
            backup: Uuid::new_v4(),
            volume: id,
            image: clone.clone(),
            snapshot: None,
            parents: parents.clone(),
            places: Vec::new(),
            checksums: true,
            metadata: VolumeMetadata::default(),
        };
        let make = async |control: &_| create::create(&ceph.pools, &request, control).await;
        let created = undisturbed(&ceph.budget, make).await.unwrap();
        let base = Some(created.base.clone());
        parents = vec![BaseRef { backup: request.backup, volume: id, base, snapshot: None, checksums: true }];
        made.push((request, created));
    }
    stop.cancel();
    let written: usize = writing.join_all().await.into_iter().sum();
    assert!(written > 0, "the guest has written nothing");
    for (_, created) in &made {
        let marker = volumes.open_read_only(&clone, Some(&created.marker)).await.unwrap();
        let point = backups.open_read_only(&created.base, Some(&created.marker)).await.unwrap();
        for &place in &places {
            let (was, is) = (marker.read(place, 16384).await.unwrap(), point.read(place, 16384).await.unwrap());
            assert!(was == is, "{} differs at {place}", point.path());
            assert_eq!(is[..4096], noise(place, LEN), "{} at {place}", point.path());
        }
    }
    assert_eq!(made[1].1.parent, Some(made[0].0.backup));

    guest.close().await;
    for (request, _) in made.iter().rev() {
        create::abandon(&ceph.pools, request, &chain::Control::unattended(ceph.budget.clone())).await.unwrap();
    }
    volumes.remove_image(&clone).await.unwrap();
    image.unprotect_snapshot("golden").await.unwrap();
    image.remove_snapshot("golden").await.unwrap();
    image.close().await;
    volumes.remove_image(&parent).await.unwrap();
}
