//! Object maps of a volume's snapshots that are wrong: librbd reads nothing that they do not know of.

use chain::{Error, create};
use rbd::Image;

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
