//! Two markers or two restore points of one backup: which of them is the right one can not be told.

use std::time::SystemTime;

use chain::create;
use chain::names::Marker;

use crate::interrupt::undisturbed;
use crate::world::{MIB, World, noise};

/// Where the second one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Volume,
    Base,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_marked_twice_is_nobodys_parent() {
    for side in [Side::Volume, Side::Base] {
        let mut world = World::with_volume(6 * MIB).await;
        world.write(0, 0, noise(1, 5 * MIB)).await;
        let older = world.full(0).await;
        world.write(0, 2 * MIB, noise(2, MIB)).await;
        let newer = world.increment(0).await;
        world.write(0, 4 * MIB, noise(3, 2 * MIB)).await;

        let ceph = world.ceph.clone();
        let second = Marker::new(world.backups[newer].id(), SystemTime::UNIX_EPOCH);
        let marked = match side {
            Side::Volume => ceph.pools.volumes.open(&world.volumes[0].image).await.unwrap(),
            Side::Base => ceph.pools.backups.open(&world.backups[newer].created.base).await.unwrap(),
        };
        marked.create_snapshot(second.name()).await.unwrap();

        let asked = world.ask(0, None, world.parents(0, None));
        let made = async |control: &_| create::create(&ceph.pools, &asked.request, control).await;
        let created = undisturbed(&ceph.budget, made).await.unwrap();
        assert_eq!(created.parent, Some(world.backups[older].id()), "{side:?}: the one before");
        marked.remove_snapshot(second.name()).await.unwrap();
        marked.close().await;
        world.keep_backup(&asked, created).await;
        world.finish().await;
    }
}
