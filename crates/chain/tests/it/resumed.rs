//! Copies that go on where an earlier attempt was interrupted.

use std::sync::{Arc, Mutex};

use chain::names::base_image;
use chain::{Control, Finished, Journal, create, restore};

use crate::world::{Asked, MIB, Shape, World, noise};

/// Large enough for some entries of a journal.
const SIZE: u64 = 208 * MIB;

type Entries = Arc<Mutex<Vec<Finished>>>;

/// A control that goes on from `earlier`, remembers what is finished, and cancels itself after the first entry.
fn remembering(world: &World, earlier: Option<Finished>, cancel: bool) -> (Control, Entries) {
    let entries = Entries::default();
    let mut control = Control::unattended(world.ceph.budget.clone());
    let (token, seen) = (control.cancel.clone(), entries.clone());
    control.journal = Journal {
        earlier,
        write: Box::new(move |entry| {
            seen.lock().unwrap().push(entry);
            if cancel {
                token.cancel();
            }
            Box::pin(std::future::ready(Ok(true)))
        }),
    };
    (control, entries)
}

fn joined(entries: &Entries) -> Finished {
    Finished::join(entries.lock().unwrap().clone()).expect("nothing was recorded")
}

/// A volume with data all over but for a hole, of which a full backup was interrupted.
async fn interrupted() -> (World, Asked, Finished) {
    let mut world = World::with_volume(SIZE).await;
    world.write(0, 0, noise(1, SIZE - 40 * MIB)).await;
    world.write(0, SIZE - 20 * MIB, noise(2, 20 * MIB)).await;
    let asked = world.ask(0, None, Vec::new());
    let (control, entries) = remembering(&world, None, true);
    let error = create::create(&world.ceph.pools, &asked.request, &control).await.unwrap_err();
    assert!(error.is_interruption(), "{error}");
    world.note_marker(&asked).await;
    let earlier = joined(&entries);
    assert!(earlier.up_to > 0 && earlier.up_to < SIZE && earlier.up_to.is_multiple_of(4 * MIB), "{}", earlier.up_to);
    (world, asked, earlier)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_backup_goes_on_from_what_was_copied() {
    let (mut world, asked, earlier) = interrupted().await;
    // what the guest writes meanwhile is no part of the backup
    world.write(0, 0, noise(3, 8 * MIB)).await;
    let (what, up_to) = (earlier.what.clone(), earlier.up_to);
    let (control, entries) = remembering(&world, Some(earlier), false);
    let created = create::create(&world.ceph.pools, &asked.request, &control).await.unwrap();
    assert_eq!(created.written, SIZE - 20 * MIB - up_to, "only the rest is written");
    assert!(entries.lock().unwrap().iter().all(|entry| entry.up_to > up_to && entry.what == what));
    world.keep_backup(&asked, created).await;
    world.increment(0).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_copied_of_another_snapshot_or_to_another_base_does_not_count() {
    for lost in ["marker", "map of the marker", "base"] {
        let (mut world, asked, earlier) = interrupted().await;
        let mut expected = SIZE - 20 * MIB;
        if lost == "map of the marker" {
            let volume = world.open(0).await;
            let marker = volume.snapshots().await.unwrap().pop().unwrap();
            let map = format!("rbd_object_map.{}.{:016x}", volume.id().await.unwrap(), marker.id);
            assert!(world.ceph.pools.volumes.remove_object(&map).await.unwrap());
            volume.close().await;
            world.volumes[0].markers.clear();
            // what was copied of it must not stay
            world.discard(0, 0, 8 * MIB).await;
            expected -= 8 * MIB;
        } else if lost == "marker" {
            let volume = world.open(0).await;
            for snapshot in volume.snapshots().await.unwrap() {
                volume.remove_snapshot(&snapshot.name).await.unwrap();
            }
            volume.close().await;
            world.volumes[0].markers.clear();
            world.write(0, 0, noise(4, 12 * MIB)).await;
        } else {
            let base = base_image(asked.request.volume, asked.request.backup);
            world.ceph.pools.backups.remove_image(&base).await.unwrap();
        }
        let (control, _) = remembering(&world, Some(earlier), false);
        let created = create::create(&world.ceph.pools, &asked.request, &control).await.unwrap();
        assert_eq!(created.written, expected, "everything is written: the {lost} is new");
        world.keep_backup(&asked, created).await;
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_goes_on_from_what_was_written() {
    for in_place in [false, true] {
        let mut world = World::with_volume(SIZE).await;
        world.write(0, 0, noise(1, SIZE)).await;
        let made = world.full(0).await;
        let target = if in_place {
            world.write(0, 0, noise(2, SIZE)).await;
            0
        } else {
            world.add_volume(Shape::plain(SIZE)).await
        };
        let backup = &world.backups[made];
        let image = world.volumes[target].image.clone();
        let request = restore::Request { reference: backup.reference.clone(), image };
        let (control, entries) = remembering(&world, None, true);
        let error = restore::restore(&world.ceph.pools, &request, &control).await.unwrap_err();
        assert!(error.is_interruption(), "{error}");

        let earlier = joined(&entries);
        let up_to = earlier.up_to;
        let (control, _) = remembering(&world, Some(earlier), false);
        let restored = restore::restore(&world.ceph.pools, &request, &control).await.unwrap();
        let plan = if in_place { restore::Plan::Repair } else { restore::Plan::Fill };
        assert_eq!(restored.plan, plan);
        assert_eq!(restored.written, SIZE - up_to, "only the rest is written");
        world.volumes[target].bytes = world.backups[made].bytes.to_vec();
        world.finish().await;
    }
}
