//! A cluster that is full. It is so for everybody: this test runs alone.

use std::time::Duration;

use chain::Error;
use rbd::{Errno, Pool};
use tokio::task::JoinSet;

use crate::cluster::{Ceph, ceph};
use crate::interrupt::Interruption;
use crate::world::{Asked, MIB, Shape, World, noise};

/// Writes to a full cluster must come back, not wait for space. The cluster takes some seconds to notice.
const PATIENCE: Duration = Duration::from_mins(1);

/// How much of an OSD may be taken before it is called so.
const RATIOS: [&str; 3] = ["nearfull", "backfillfull", "full"];

#[tokio::test(flavor = "multi_thread")]
async fn a_full_cluster_fails_the_backup_and_keeps_the_others() {
    let mut world = World::new(Ceph::alone().await);
    world.add_volume(Shape::plain(8 * MIB)).await;
    world.write(0, 0, noise(1, 8 * MIB)).await;
    world.full(0).await;
    world.write(0, 0, noise(2, 6 * MIB)).await;
    // one that has yet to begin, one that has its base and its marker, one that has only to be written
    let new = world.ask(0, None, Vec::new());
    let begun = world.ask(0, None, Vec::new());
    assert!(world.interrupt_create(&begun, Interruption::RefuseStep(3)).await.is_none());
    let increment = world.ask(0, None, world.parents(0, None));
    assert!(world.interrupt_create(&increment, Interruption::RefuseStep(2)).await.is_none());
    let asked = [new, begun, increment];

    // librbd removes by way of the pool's trash, which a pool has from its first removal on
    let pool = &world.ceph.pools.backups;
    let first = format!("first-{}", uuid::Uuid::new_v4());
    pool.create_image(&first, MIB, None, None).await.unwrap();
    pool.remove_image(&first).await.unwrap();

    let before: serde_json::Value = serde_json::from_str(&ceph(&["osd", "dump", "--format", "json"]).await).unwrap();
    // none of them counts below the ones before
    for ratio in RATIOS {
        ceph(&["osd", &format!("set-{ratio}-ratio"), "0.00001"]).await;
    }
    // in a task, so that a failure does not leave the cluster full
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let met = tokio::time::timeout(2 * PATIENCE, meet_the_end(&mut world, &asked)).await;
        (world, asked, met)
    });
    let outcome = tasks.join_next().await.unwrap();
    for ratio in RATIOS {
        ceph(&["osd", &format!("set-{ratio}-ratio"), &before[format!("{ratio}_ratio")].to_string()]).await;
    }
    // also after a failure: the next test must not meet a full cluster
    let pools = Ceph::pools_of_a_new_client().await;
    for pool in [&pools.volumes, &pools.backups] {
        probe_until(pool, None).await;
    }
    let (mut world, [new, begun, increment], met) = outcome.unwrap();
    met.expect("operations hang on a full cluster");
    for pool in [&world.ceph.pools.volumes, &world.ceph.pools.backups] {
        probe_until(pool, None).await;
    }

    world.abandon(&new).await;
    world.check_backups().await;
    // what failed for want of space can be tried again
    for asked in [begun, increment] {
        world.failed.retain(|failed| failed.request.backup != asked.request.backup);
        world.create(&asked).await.unwrap();
        world.check_backups().await;
    }
    world.finish().await;
}

async fn meet_the_end(world: &mut World, asked: &[Asked]) {
    let pools = world.ceph.pools.clone();
    for pool in [&pools.volumes, &pools.backups] {
        probe_until(pool, Some(Errno::NO_SPACE)).await;
    }
    for asked in asked {
        match tokio::time::timeout(PATIENCE, world.create(asked)).await.expect("it waits for space") {
            Err(Error::Ceph(error)) => assert_eq!(error.errno, Errno::NO_SPACE, "{error}"),
            // overwriting needs no space, but the snapshot's object map does
            Err(error @ Error::HalfSnapshot { .. }) => {
                assert!(error.to_string().contains("the pool is full"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    // what is there can be read, and space can be made
    world.failed.extend_from_slice(asked);
    world.check_backups().await;
    tokio::time::timeout(PATIENCE, world.abandon(&asked[1])).await.expect("it waits for space");
    world.check_backups().await;
}

/// Writes small objects until that fails in this way (`None`: until it succeeds): the news of what the cluster
/// is comes to its clients with its maps. Only what takes more space is refused, so each is a new one.
async fn probe_until(pool: &Pool, wanted: Option<Errno>) {
    let (probe, mut written) = (uuid::Uuid::new_v4(), 0);
    let attempts = async {
        while pool.write_object(&format!("probe-{probe}-{written}"), vec![1]).await.map_err(|e| e.errno).err() != wanted
        {
            written += 1;
        }
    };
    tokio::time::timeout(PATIENCE, attempts).await.expect("the cluster did not notice");
    for nth in 0..=written {
        pool.remove_object(&format!("probe-{probe}-{nth}")).await.unwrap();
    }
}
