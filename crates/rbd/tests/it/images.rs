//! Making, looking at, resizing and removing images.

use rbd::{DiffMode, Errno, Features, Layout};

use crate::support::{MIB, image, pattern, pool, remove, unique};

#[tokio::test]
async fn an_image_is_as_it_was_asked_for() {
    let pool = pool().await;
    let name = unique("image");
    let features = Features::LAYERING.with(Features::EXCLUSIVE_LOCK);
    pool.create_image(&name, 5 * MIB + 3, Some(features), Some(16)).await.unwrap();
    let image = pool.open(&name).await.unwrap();
    assert_eq!(image.path(), format!("volumes_ssd/{name}"));
    assert_eq!(image.size().await.unwrap(), 5 * MIB + 3);
    assert_eq!(image.features().await.unwrap(), features);
    let object_size = 1 << 16;
    let layout = Layout { size: 5 * MIB + 3, object_size, stripe_unit: object_size, stripe_count: 1 };
    assert_eq!(image.layout().await.unwrap(), layout);
    assert_eq!(layout.period(), object_size);
    assert_eq!(image.parent_overlap().await.unwrap(), 0);
    assert!(!image.id().await.unwrap().is_empty());

    let again = pool.create_image(&name, MIB, None, None).await.unwrap_err();
    assert_eq!(again.errno, Errno::EXISTS);
    assert_eq!(image.size().await.unwrap(), 5 * MIB + 3);
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let pool = pool().await;
    let name = unique("missing");
    let error = pool.open(&name).await.unwrap_err();
    assert_eq!(error.to_string(), format!("opening image volumes_ssd/{name}: does not exist (errno 2)"));
    assert!(pool.open_read_only(&name, Some("s")).await.unwrap_err().is_not_found());
    assert!(pool.remove_image(&name).await.unwrap_err().is_not_found());
    assert!(pool.trash_image(&name).await.unwrap_err().is_not_found());
    assert_eq!(pool.open("a\0b").await.unwrap_err().errno, Errno::INVALID);

    let (name, image) = image(&pool, MIB).await;
    assert!(pool.open_read_only(&name, Some("s")).await.unwrap_err().is_not_found());
    assert!(image.remove_snapshot("s").await.unwrap_err().is_not_found());
    assert!(image.roll_back("s").await.unwrap_err().is_not_found());
    assert!(image.is_protected("s").await.unwrap_err().is_not_found());
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn an_image_grows_and_shrinks_only_where_that_is_meant() {
    let pool = pool().await;
    let (name, image) = image(&pool, 20 * MIB).await;
    image.write(0, pattern(20 << 20, 0).into()).await.unwrap();
    assert_eq!(image.resize(10 * MIB, false).await.unwrap_err().errno, Errno::INVALID);
    assert_eq!(image.size().await.unwrap(), 20 * MIB);
    // to a size inside an object; more than one object goes, about which librbd reports its progress
    image.resize(5 * MIB + 3, true).await.unwrap();
    image.resize(20 * MIB, false).await.unwrap();
    let mut expected = pattern(20 << 20, 0);
    expected[(5 << 20) + 3..].fill(0);
    assert_eq!(image.read(0, 20 << 20).await.unwrap(), expected);
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn metadata_is_kept_with_the_image() {
    let pool = pool().await;
    let (name, image) = image(&pool, MIB).await;
    assert_eq!(image.metadata("missing").await.unwrap(), None);
    let long = "x".repeat(10_000);
    for value in ["", "short", &long] {
        image.set_metadata("key", value).await.unwrap();
        assert_eq!(image.metadata("key").await.unwrap().as_deref(), Some(value));
    }
    let reader = pool.open_read_only(&name, None).await.unwrap();
    assert_eq!(reader.metadata("key").await.unwrap(), Some(long));
    assert!(reader.set_metadata("key", "v").await.is_err());
    reader.close().await;
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn metadata_is_listed_by_prefix_and_removed() {
    let pool = pool().await;
    let (name, image) = image(&pool, MIB).await;
    image.set_metadata("conf_rbd_cache", "false").await.unwrap();
    image.set_metadata("mine", "shorter than the prefix").await.unwrap();
    // more than a page, with values larger than the first buffer has room for
    let keys: Vec<String> = (0..150).map(|n| format!("mine.{n:03}")).collect();
    for key in &keys {
        image.set_metadata(key, &"v".repeat(10_000)).await.unwrap();
    }
    image.set_metadata("other", "behind").await.unwrap();
    assert_eq!(image.metadata_keys("mine.").await.unwrap(), keys);
    assert_eq!(image.metadata_keys("none.").await.unwrap(), Vec::<String>::new());

    image.remove_metadata("mine.007").await.unwrap();
    image.remove_metadata("mine.007").await.unwrap();
    assert_eq!(image.metadata("mine.007").await.unwrap(), None);
    assert_eq!(image.metadata_keys("mine.").await.unwrap().len(), 149);
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn a_clone_shows_its_parent_until_it_is_flattened() {
    let pool = pool().await;
    let (name, parent) = image(&pool, 12 * MIB).await;
    let data = pattern(12 << 20, 0);
    parent.write(0, data.clone().into()).await.unwrap();
    parent.create_snapshot("base").await.unwrap();
    let child = unique("clone");
    assert_eq!(pool.clone_image(&name, "base", &child, None).await.unwrap_err().errno, Errno::INVALID);
    parent.protect_snapshot("base").await.unwrap();
    pool.clone_image(&name, "base", &child, Some(Features::LAYERING)).await.unwrap();

    let clone = pool.open(&child).await.unwrap();
    assert_eq!(clone.parent_overlap().await.unwrap(), 12 * MIB);
    assert_eq!(clone.read(0, 12 << 20).await.unwrap(), data);
    assert_eq!(clone.diff(None, 0..12 * MIB, false, DiffMode::Precise).await.unwrap(), []);
    let with_parent = clone.diff(None, 0..12 * MIB, true, DiffMode::Precise).await.unwrap();
    assert_eq!(with_parent.iter().map(|extent| extent.len).sum::<u64>(), 12 * MIB);
    assert_eq!(parent.unprotect_snapshot("base").await.unwrap_err().errno, Errno::BUSY);

    clone.resize(5 * MIB, true).await.unwrap();
    clone.resize(12 * MIB, false).await.unwrap();
    assert_eq!(clone.parent_overlap().await.unwrap(), 5 * MIB);
    clone.flatten().await.unwrap();
    assert_eq!(clone.parent_overlap().await.unwrap(), 0);
    let mut expected = data;
    expected[5 << 20..].fill(0);
    assert_eq!(clone.read(0, 12 << 20).await.unwrap(), expected);
    assert_eq!(clone.flatten().await.unwrap_err().errno, Errno::INVALID);

    remove(&pool, &child, clone).await;
    parent.unprotect_snapshot("base").await.unwrap();
    parent.remove_snapshot("base").await.unwrap();
    remove(&pool, &name, parent).await;
}
