//! Backups that are stopped at every step, and what follows.

use std::sync::Arc;

use chain::Error;
use chain::names::{Marker, base_image, volume_image};
use rbd::Pool;
use uuid::Uuid;

use crate::cluster::Ceph;
use crate::interrupt::Interruption;
use crate::world::{Asked, MIB, World, noise, side_by_side};

/// How many steps a backup announces at most.
const STEPS: usize = 6;

/// Every way of being stopped at a step, and in the middle of the copy.
fn interruptions() -> Vec<Interruption> {
    let mut all = vec![Interruption::CancelAfter(0), Interruption::CancelAfter(3 * MIB)];
    for step in 0..STEPS {
        all.push(Interruption::RefuseStep(step));
        all.push(Interruption::CancelAtStep(step));
    }
    all
}

#[derive(Clone, Copy)]
enum Kind {
    Full,
    Increment,
    OfSnapshot,
}

const KINDS: [Kind; 3] = [Kind::Full, Kind::Increment, Kind::OfSnapshot];

/// A volume with one backup, and the request for another.
async fn prepared(ceph: &Arc<Ceph>, kind: Kind) -> (World, Asked) {
    let mut world = World::with_volume_on(ceph, 6 * MIB).await;
    world.write(0, 0, noise(1, 5 * MIB)).await;
    world.full(0).await;
    world.write(0, 3 * MIB, noise(2, 3 * MIB)).await;
    let snapshot = match kind {
        Kind::OfSnapshot => Some(world.snapshot(0).await),
        Kind::Full | Kind::Increment => None,
    };
    let parents = match kind {
        Kind::Full => Vec::new(),
        Kind::Increment | Kind::OfSnapshot => world.parents(0, snapshot),
    };
    let asked = world.ask(0, snapshot, parents);
    (world, asked)
}

/// Every kind with every interruption.
async fn cases() -> Vec<(Arc<Ceph>, Kind, Interruption)> {
    let ceph = Ceph::shared().await;
    KINDS
        .into_iter()
        .flat_map(|kind| interruptions().into_iter().map(move |stop| (kind, stop)))
        .map(|(kind, stop)| (ceph.clone(), kind, stop))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_call_finishes_what_the_first_began() {
    side_by_side(cases().await.into_iter().map(|(ceph, kind, interruption)| async move {
        let (mut world, asked) = prepared(&ceph, kind).await;
        if world.interrupt_create(&asked, interruption).await.is_none() {
            // the guest goes on writing meanwhile
            world.write(0, MIB, noise(3, MIB)).await;
            world.create(&asked).await.unwrap();
        }
        world.increment(0).await;
        world.finish().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_backup_leaves_nothing_and_harms_nobody() {
    side_by_side(cases().await.into_iter().map(|(ceph, kind, interruption)| async move {
        let (mut world, asked) = prepared(&ceph, kind).await;
        if world.interrupt_create(&asked, interruption).await.is_none() {
            world.abandon(&asked).await;
            world.abandon(&asked).await; // twice is harmless
            assert_eq!(world.backups.len(), 1);
        }
        world.check().await;
        world.discard(0, 4 * MIB, 2 * MIB).await;
        world.increment(0).await;
        world.finish().await;
    }))
    .await;
}

/// The parent, the only other backup, is deleted while the job waits for its next worker: it is no candidate any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_to_a_parent_that_is_deleted_since_is_found() {
    let ceph = Ceph::shared().await;
    for finished in [true, false] {
        let (mut world, mut asked) = prepared(&ceph, Kind::Increment).await;
        // the metadata object, after the commit
        let last = Interruption::RefuseStep(STEPS - 2);
        assert!(world.interrupt_create(&asked, last).await.is_none());
        let base = world.backups[0].created.base.clone();
        world.failed.push(asked.clone());
        world.delete(0).await.unwrap();
        world.failed.clear();
        assert_eq!(world.snapshots_on_base(&base).await.map(|points| points.len()), Some(1), "what was committed");

        asked.request.parents.clear();
        asked.request.places = vec!["volume-of-somebody".to_owned(), base.clone()];
        if finished {
            let kept = world.create(&asked).await.unwrap();
            assert_eq!((world.backups[kept].created.base.as_str(), world.backups[kept].created.written), (&*base, 0));
            world.increment(0).await;
        } else {
            world.abandon(&asked).await;
            assert!(world.snapshots_on_base(&base).await.is_none(), "the base went with the last restore point");
        }
        world.finish().await;
    }
}

/// What the first attempt has made of an image of its own goes when a later one finds a parent.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_backup_that_becomes_an_increment_leaves_no_base_behind() {
    // half-filled, and before there is a marker
    for interruption in [Interruption::CancelAfter(4 * MIB), Interruption::RefuseStep(2)] {
        let mut world = World::with_volume(6 * MIB).await;
        world.write(0, 0, noise(1, 5 * MIB)).await;
        let snapshot = world.snapshot(0).await;
        world.write(0, MIB, noise(2, MIB)).await;
        let mut asked = world.ask(0, None, Vec::new());
        assert!(world.interrupt_create(&asked, interruption).await.is_none());
        let own = base_image(asked.request.volume, asked.request.backup);
        assert!(world.snapshots_on_base(&own).await.is_some());
        world.failed.push(asked.clone());
        let parent = world.increment_of(0, snapshot).await;
        world.failed.clear();

        asked.request.parents = world.parents(0, None);
        let made = world.create(&asked).await.unwrap();
        assert_eq!(world.backups[made].created.base, world.backups[parent].created.base);
        assert!(world.snapshots_on_base(&own).await.is_none(), "{own} is left");
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_nobody_waits_for_any_more_can_be_repeated() {
    let ceph = Ceph::shared().await;
    let cases = [Kind::Full, Kind::Increment].into_iter().flat_map(|kind| [0, MIB, 4 * MIB].map(|bytes| (kind, bytes)));
    side_by_side(cases.map(|(kind, bytes)| {
        let ceph = ceph.clone();
        async move {
            let (mut world, asked) = prepared(&ceph, kind).await;
            assert!(world.interrupt_create(&asked, Interruption::DropAfter(bytes)).await.is_none());
            world.create(&asked).await.unwrap();
            world.finish().await;
        }
    }))
    .await;
}

/// Takes the object map of a snapshot away: what is left when the process dies, or space runs out, while librbd
/// makes one.
async fn cut_short(pool: &Pool, image: &str, backup: Uuid) {
    let image = pool.open_read_only(image, None).await.unwrap();
    let snapshots = image.snapshots().await.unwrap();
    let ours = |name: &str| Marker::parse(name).is_some_and(|marker| marker.backup() == backup);
    let snapshot = snapshots.iter().find(|snapshot| ours(&snapshot.name)).unwrap();
    let map = format!("rbd_object_map.{}.{:016x}", image.id().await.unwrap(), snapshot.id);
    assert!(pool.remove_object(&map).await.unwrap(), "{map}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_was_only_half_made_is_made_again() {
    let ceph = Ceph::shared().await;
    side_by_side(KINDS.into_iter().flat_map(|kind| [false, true].map(|abandoned| (kind, abandoned))).map(
        |(kind, abandoned)| {
            let ceph = ceph.clone();
            async move {
                // the commit on the base
                let (mut world, asked) = prepared(&ceph, kind).await;
                let (metadata, base) = match kind {
                    Kind::Full => (5, base_image(asked.request.volume, asked.request.backup)),
                    Kind::Increment | Kind::OfSnapshot => (4, world.backups[0].created.base.clone()),
                };
                assert!(world.interrupt_create(&asked, Interruption::RefuseStep(metadata)).await.is_none());
                cut_short(&ceph.pools.backups, &base, asked.request.backup).await;
                if abandoned {
                    world.abandon(&asked).await;
                } else {
                    world.create(&asked).await.unwrap();
                }
                world.check().await;

                // the marker on the volume
                if asked.request.snapshot.is_none() {
                    let asked = world.ask(0, None, asked.request.parents);
                    assert!(world.interrupt_create(&asked, Interruption::RefuseStep(metadata - 2)).await.is_none());
                    cut_short(&ceph.pools.volumes, &asked.request.image, asked.request.backup).await;
                    if abandoned {
                        world.abandon(&asked).await;
                    } else {
                        world.create(&asked).await.unwrap();
                    }
                }
                world.finish().await;
            }
        },
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_named() {
    let mut world = World::with_volume(MIB).await;
    let mut asked = world.ask(0, None, Vec::new());
    asked.request.image = volume_image(Uuid::new_v4());
    let error = world.create(&asked).await.unwrap_err();
    assert!(matches!(error, Error::NoVolumeImage { .. }), "{error}");

    world.full(0).await;
    let snapshot = world.snapshot(0).await;
    for parents in [Vec::new(), world.parents(0, Some(snapshot))] {
        let mut asked = world.ask(0, None, parents);
        asked.request.snapshot = Some(Uuid::new_v4());
        let control = chain::Control::unattended(world.ceph.budget.clone());
        let error = chain::create::create(&world.ceph.pools, &asked.request, &control).await.unwrap_err();
        assert!(matches!(error, Error::NoVolumeSnapshot { .. }), "{error}");
        asked.request.snapshot = None;
        world.abandon(&asked).await;
    }
    world.finish().await;
}

/// librbd makes an image in several steps. Killed in between, it leaves a name that it neither opens nor makes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_base_whose_making_was_cut_short_is_made_anew() {
    for listed in [false, true] {
        let mut world = World::with_volume(6 * MIB).await;
        world.write(0, 0, noise(1, 5 * MIB)).await;
        let asked = world.ask(0, None, Vec::new());
        let pool = world.ceph.pools.backups.clone();
        let name = base_image(asked.request.volume, asked.request.backup);
        pool.create_image(&name, 6 * MIB, None, None).await.unwrap();
        let image = pool.open_read_only(&name, None).await.unwrap();
        let id = image.id().await.unwrap();
        image.close().await;
        if listed {
            for object in [format!("rbd_header.{id}"), format!("rbd_object_map.{id}")] {
                assert!(pool.remove_object(&object).await.unwrap());
            }
        } else {
            let named = format!("rbd_id.{name}");
            let content = pool.read_object(&named, 100).await.unwrap().unwrap();
            pool.remove_image(&name).await.unwrap();
            pool.write_object(&named, content).await.unwrap();
        }
        assert!(pool.open_read_only(&name, None).await.unwrap_err().is_not_found());
        world.create(&asked).await.unwrap();
        world.finish().await;
    }
}
