//! Pools and their plain objects.

use std::collections::BTreeSet;

use rbd::{Errno, Features};

use crate::support::{MIB, connect, image, pattern, pool, remove, unique};

#[tokio::test]
async fn a_pool_that_is_not_there_is_named() {
    let error = connect().await.pool("no-such-pool").await.unwrap_err();
    assert_eq!(error.to_string(), "opening pool no-such-pool: does not exist (errno 2)");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_images_are_listed() {
    let pool = pool().await;
    // more than one listing has room for
    let names: BTreeSet<String> = (0..70).map(|_| unique("listed")).collect();
    for name in &names {
        pool.create_image(name, MIB, None, None).await.unwrap();
    }
    let listed: BTreeSet<String> = pool.images().await.unwrap().into_iter().collect();
    assert!(names.is_subset(&listed), "missing: {:?}", names.difference(&listed));
    for name in &names {
        pool.remove_image(name).await.unwrap();
    }
    let listed: BTreeSet<String> = pool.images().await.unwrap().into_iter().collect();
    assert!(names.is_disjoint(&listed));
}

#[tokio::test]
async fn objects_are_written_whole_and_read_up_to_a_limit() {
    let pool = pool().await;
    let name = unique("object");
    assert_eq!(pool.read_object(&name, 100).await.unwrap(), None);
    assert!(!pool.object_exists(&name).await.unwrap());
    assert!(!pool.remove_object(&name).await.unwrap());

    pool.write_object(&name, pattern(5000, 0)).await.unwrap();
    assert_eq!(pool.read_object(&name, 10_000).await.unwrap(), Some(pattern(5000, 0)));
    assert_eq!(pool.read_object(&name, 10).await.unwrap(), Some(pattern(10, 0)));
    pool.write_object(&name, Vec::new()).await.unwrap();
    assert_eq!(pool.read_object(&name, 10_000).await.unwrap(), Some(Vec::new()));

    assert!(pool.object_exists(&name).await.unwrap());
    assert!(pool.objects("").await.unwrap().contains(&name));
    assert_eq!(pool.objects(&name).await.unwrap(), std::slice::from_ref(&name));
    let written = pool.object_time(&name).await.unwrap().unwrap();
    assert!(written.elapsed().unwrap_or_default() < std::time::Duration::from_mins(10));
    assert_eq!(pool.object_time("nobody.wrote.this").await.unwrap(), None);
    assert!(pool.remove_object(&name).await.unwrap());
    assert!(!pool.object_exists(&name).await.unwrap());
    assert_eq!(pool.write_object("a\0b", Vec::new()).await.unwrap_err().errno, Errno::INVALID);
}

#[tokio::test]
async fn whoever_writes_an_image_holds_its_lock() {
    let pool = pool().await;
    let name = unique("locked");
    pool.create_image(&name, MIB, Some(Features::LAYERING.with(Features::EXCLUSIVE_LOCK)), None).await.unwrap();
    let image = pool.open(&name).await.unwrap();
    assert_eq!(image.lockers().await.unwrap(), [""; 0]);
    image.write(0, vec![1].into()).await.unwrap();
    let seen = pool.open_read_only(&name, None).await.unwrap().lockers().await.unwrap();
    let ours = pool.cluster().address().unwrap();
    assert!(matches!(&seen[..], [one] if ours.ends_with(one) || one.ends_with(&ours)), "{seen:?}, we are {ours}");
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn an_image_in_the_trash_is_no_image() {
    let pool = pool().await;
    let (name, open) = image(&pool, MIB).await;
    // moving works while it is in use, which is what it is for
    pool.trash_image(&name).await.unwrap();
    assert!(!pool.images().await.unwrap().contains(&name));
    assert!(pool.open(&name).await.unwrap_err().is_not_found());
    open.write(0, vec![1].into()).await.unwrap();
    let id = open.id().await.unwrap();
    assert!(open.created().await.unwrap().elapsed().unwrap_or_default() < std::time::Duration::from_mins(10));
    open.close().await;
    let ours = |one: &rbd::Trashed| one.id == id;
    let trashed = pool.trash().await.unwrap().into_iter().find(ours).unwrap();
    assert_eq!(trashed.name, name);
    assert!(trashed.moved_at.elapsed().unwrap_or_default() < std::time::Duration::from_mins(10));
    assert!(trashed.kept_until.elapsed().is_ok() && !trashed.removing, "{trashed:?}");
    let seen = pool.open_trashed(&id).await.unwrap();
    assert_eq!((seen.size().await.unwrap(), seen.metadata("a key").await.unwrap()), (MIB, None));
    seen.close().await;
    pool.purge_image(&id).await.unwrap();
    assert!(!pool.trash().await.unwrap().iter().any(ours));
    assert!(pool.purge_image(&id).await.unwrap_err().is_not_found());
    // the name is free again
    pool.create_image(&name, MIB, None, None).await.unwrap();
    let again = pool.open(&name).await.unwrap();
    remove(&pool, &name, again).await;
}
