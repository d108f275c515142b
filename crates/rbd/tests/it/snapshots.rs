//! Snapshots.

use std::time::{Duration, SystemTime};

use rbd::{DiffMode, Errno};

use crate::support::{MIB, image, in_time, pattern, pool, remove};

#[tokio::test]
async fn all_snapshots_are_listed_oldest_first() {
    let pool = pool().await;
    let (name, image) = image(&pool, MIB).await;
    assert_eq!(image.snapshots().await.unwrap(), []);
    // more than one listing has room for
    let names: Vec<String> = (0..40).map(|nth| format!("s{}", 39 - nth)).collect();
    for (nth, snapshot) in (1..).zip(&names) {
        image.resize(nth * 4096, true).await.unwrap();
        image.create_snapshot(snapshot).await.unwrap();
    }
    let listed = image.snapshots().await.unwrap();
    assert_eq!(listed.iter().map(|snapshot| snapshot.name.clone()).collect::<Vec<_>>(), names);
    assert!(listed.is_sorted_by_key(|snapshot| snapshot.id));
    assert!((1..).zip(&listed).all(|(nth, snapshot)| snapshot.size == nth * 4096));
    let made = image.snapshot_time(listed[0].id).await.unwrap();
    assert!(made.max(SystemTime::now()).duration_since(made).unwrap() < Duration::from_mins(10));

    assert_eq!(image.create_snapshot("s7").await.unwrap_err().errno, Errno::EXISTS);
    image.close().await;
    assert_eq!(pool.remove_image(&name).await.unwrap_err().errno, Errno::NOT_EMPTY);
    let image = pool.open(&name).await.unwrap();
    for snapshot in names {
        image.remove_snapshot(&snapshot).await.unwrap();
    }
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn a_snapshot_keeps_the_bytes_and_brings_them_back() {
    let pool = pool().await;
    let (name, image) = image(&pool, 6 * MIB).await;
    let before = pattern(6 << 20, 0);
    image.write(0, before.clone().into()).await.unwrap();
    image.create_snapshot("then").await.unwrap();
    image.write(MIB, pattern(4 << 20, 1).into()).await.unwrap();
    image.resize(2 * MIB, true).await.unwrap();

    let then = pool.open_read_only(&name, Some("then")).await.unwrap();
    assert_eq!(then.path(), format!("volumes_ssd/{name}@then"));
    assert_eq!(then.size().await.unwrap(), 6 * MIB);
    assert_eq!(then.read(0, 6 << 20).await.unwrap(), before);
    then.close().await;

    image.roll_back("then").await.unwrap();
    assert_eq!(image.size().await.unwrap(), 6 * MIB);
    assert_eq!(image.read(0, 6 << 20).await.unwrap(), before);
    image.remove_snapshot("then").await.unwrap();
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn a_protected_snapshot_stays() {
    let pool = pool().await;
    let (name, image) = image(&pool, MIB).await;
    image.create_snapshot("kept").await.unwrap();
    assert!(!image.is_protected("kept").await.unwrap());
    assert_eq!(image.unprotect_snapshot("kept").await.unwrap_err().errno, Errno::INVALID);
    image.protect_snapshot("kept").await.unwrap();
    assert!(image.is_protected("kept").await.unwrap());
    assert_eq!(image.protect_snapshot("kept").await.unwrap_err().errno, Errno::BUSY);
    assert_eq!(image.remove_snapshot("kept").await.unwrap_err().errno, Errno::BUSY);
    image.unprotect_snapshot("kept").await.unwrap();
    image.remove_snapshot("kept").await.unwrap();
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn a_handle_only_for_reading_changes_nothing_and_sees_what_was_there() {
    let pool = pool().await;
    let (name, image) = image(&pool, MIB).await;
    let reader = pool.open_read_only(&name, None).await.unwrap();
    for refused in [
        in_time(reader.write(0, vec![1].into())).await,
        in_time(reader.write_zeroes(0, 10)).await,
        in_time(reader.discard(0, MIB)).await,
        in_time(reader.create_snapshot("s")).await,
        in_time(reader.resize(2 * MIB, false)).await,
    ] {
        assert_eq!(refused.unwrap_err().errno, Errno(libc::EROFS));
    }
    image.create_snapshot("later").await.unwrap();
    assert_eq!(reader.snapshots().await.unwrap(), []);
    // it has no watch: the image can be removed under it
    image.remove_snapshot("later").await.unwrap();
    remove(&pool, &name, image).await;
    reader.close().await;
}

#[tokio::test]
async fn a_snapshot_that_lost_its_object_map_is_told_and_still_read() {
    let pool = pool().await;
    let (name, image) = image(&pool, 8 * MIB).await;
    image.write(0, pattern(5 << 20, 0).into()).await.unwrap();
    image.create_snapshot("one").await.unwrap();
    image.write(0, pattern(6 << 20, 1).into()).await.unwrap();
    let id = image.snapshots().await.unwrap()[0].id;
    assert!(image.snapshot_is_whole(id).await.unwrap());

    let map = format!("rbd_object_map.{}.{id:016x}", image.id().await.unwrap());
    for broken in [Some(Vec::new()), None] {
        match broken {
            Some(content) => pool.write_object(&map, content).await.unwrap(),
            None => assert!(pool.remove_object(&map).await.unwrap()),
        }
        assert!(!image.snapshot_is_whole(id).await.unwrap());
        let at_one = pool.open_read_only(&name, Some("one")).await.unwrap();
        assert_eq!(at_one.read(0, 5 << 20).await.unwrap(), pattern(5 << 20, 0));
        let held = at_one.diff(None, 0..8 * MIB, true, DiffMode::Precise).await.unwrap();
        assert_eq!(held.iter().map(|extent| extent.len).sum::<u64>(), 5 * MIB, "{held:?}");
        at_one.close().await;
    }
    image.remove_snapshot("one").await.unwrap();
    remove(&pool, &name, image).await;
}
