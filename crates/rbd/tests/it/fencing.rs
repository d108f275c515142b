//! A client that is fenced by another: what it sends changes nothing any more, and it holds nothing up.

use std::time::Duration;

use rbd::{Errno, FENCED_FOR, Image};

use crate::support::{MIB, ceph, connect, image, in_time, pattern, pool, rbd, remove};

/// The addresses on the cluster's blocklist.
fn blocklist() -> String {
    ceph(&["osd", "blocklist", "ls"])
}

/// The addresses of those who watch an image.
fn watchers(name: &str) -> String {
    rbd(&["status", &format!("volumes_ssd/{name}")])
}

async fn refused(image: &Image, data: Vec<u8>) {
    let error = in_time(image.write(0, data.into())).await.unwrap_err();
    assert_eq!(error.errno, Errno::BLOCKLISTED, "{error}");
}

#[tokio::test]
async fn connections_of_one_process_have_addresses_of_their_own() {
    let (one, other) = (connect().await, connect().await);
    assert_ne!(one.address().unwrap(), other.address().unwrap());
    assert_eq!(one.fsid().unwrap(), other.fsid().unwrap());
    assert_eq!(one.fsid().unwrap(), ceph(&["fsid"]).trim());
}

#[tokio::test]
async fn a_fenced_client_changes_nothing_and_its_successor_goes_on_at_once() {
    let pool = pool().await;
    let lost = connect().await.pool("volumes_ssd").await.unwrap();
    let (name, old) = image(&lost, 8 * MIB).await;
    old.write(0, pattern(1 << 20, 0).into()).await.unwrap(); // it has the exclusive lock now, and a watch

    let address = lost.cluster().address().unwrap();
    assert!(watchers(&name).contains(&address), "the image is not watched by {address}: {}", watchers(&name));
    pool.cluster().fence(&address, FENCED_FOR).await.unwrap();
    assert!(blocklist().contains(&address));
    refused(&old, pattern(1 << 20, 1)).await;
    assert!(old.create_snapshot("late").await.is_err());

    let new = in_time(pool.open(&name)).await.unwrap();
    assert_eq!(in_time(new.read(0, 1 << 20)).await.unwrap(), pattern(1 << 20, 0));
    // the lock of the dead is broken without waiting for anybody
    in_time(new.write(MIB, pattern(1 << 20, 2).into())).await.unwrap();
    in_time(new.create_snapshot("point")).await.unwrap();
    assert!(!watchers(&name).contains(&address), "{}", watchers(&name));

    refused(&old, pattern(1 << 20, 3)).await;
    assert!(lost.write_object("cindervault.test.late", vec![1]).await.is_err());
    assert_eq!(lost.object_size("rbd_directory").await.unwrap_err().errno, Errno::BLOCKLISTED);
    in_time(old.close()).await;
    assert!(!pool.object_exists("cindervault.test.late").await.unwrap());
    assert_eq!(new.read(0, 1 << 20).await.unwrap(), pattern(1 << 20, 0));
    assert_eq!(new.read(MIB, 1 << 20).await.unwrap(), pattern(1 << 20, 2));
    assert_eq!(new.snapshots().await.unwrap().len(), 1);
    new.remove_snapshot("point").await.unwrap();
    remove(&pool, &name, new).await;
    ceph(&["osd", "blocklist", "rm", &address]);
}

#[tokio::test]
async fn breaking_the_lock_of_the_dead_does_not_shorten_their_stay() {
    let pool = pool().await;
    let lost = connect().await.pool("volumes_ssd").await.unwrap();
    let (name, old) = image(&lost, MIB).await;
    old.write(0, pattern(100, 0).into()).await.unwrap();
    let address = lost.cluster().address().unwrap();
    pool.cluster().fence(&address, FENCED_FOR).await.unwrap();
    let listed = blocklist();
    let new = pool.open(&name).await.unwrap();
    in_time(new.write(0, pattern(100, 1).into())).await.unwrap();
    let entry = |listed: &str| listed.lines().find(|line| line.contains(&address)).unwrap_or_default().to_owned();
    assert!(entry(&listed).contains('T'), "{listed}"); // address and time
    assert_eq!(entry(&blocklist()), entry(&listed));
    in_time(old.close()).await;
    remove(&pool, &name, new).await;
    ceph(&["osd", "blocklist", "rm", &address]);
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    let cluster = connect().await;
    let error = cluster.fence("nobody", Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.errno, Errno::INVALID);
    cluster.latest_map().await.unwrap();
}
