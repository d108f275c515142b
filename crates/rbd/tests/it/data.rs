//! Reads, writes, zeroes and differences.

use rbd::{DiffMode, Errno, Extent};

use crate::support::{MIB, image, pattern, pool, remove};

fn total(extents: &[Extent]) -> u64 {
    extents.iter().map(|extent| extent.len).sum()
}

#[tokio::test]
async fn what_is_written_is_read() {
    let pool = pool().await;
    let (name, image) = image(&pool, 9 * MIB + 100).await;
    assert_eq!(image.read(0, 5000).await.unwrap(), vec![0; 5000]);

    // over the border of two objects, unaligned, and at the very end
    let data = pattern(3_000_001, 0);
    image.write(2 * MIB + 77, data.clone().into()).await.unwrap();
    image.write(9 * MIB, pattern(100, 1).into()).await.unwrap();
    assert_eq!(image.read(2 * MIB + 77, data.len()).await.unwrap(), data);
    assert_eq!(image.read(2 * MIB + 76, 2).await.unwrap(), [0, data[0]]);

    // what lies behind the end is not there
    assert_eq!(image.read(9 * MIB, 4096).await.unwrap(), pattern(100, 1));
    let behind = image.write(9 * MIB + 101, vec![1].into()).await.unwrap_err();
    assert_eq!((behind.operation, behind.errno), ("writing", Errno::INVALID));
    image.write(9 * MIB + 50, pattern(100, 2).into()).await.unwrap();
    assert_eq!(image.read(9 * MIB + 50, 100).await.unwrap(), pattern(100, 2)[..50]);
    assert_eq!(image.size().await.unwrap(), 9 * MIB + 100);
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn zeroes_are_exact_and_give_whole_objects_back() {
    let pool = pool().await;
    let (name, image) = image(&pool, 16 * MIB).await;
    let mut expected = pattern(16 << 20, 0);
    image.write(0, expected.clone().into()).await.unwrap();
    for (offset, len) in [(1, 1), (1000, 200_000), (3 * MIB + 5, 6 * MIB), (16 * MIB - 3, 3)] {
        image.write_zeroes(offset, len).await.unwrap();
        let start = usize::try_from(offset).unwrap();
        expected[start..start + usize::try_from(len).unwrap()].fill(0);
    }
    image.flush().await.unwrap();
    assert_eq!(image.read(0, 16 << 20).await.unwrap(), expected);
    let held = image.diff(None, 0..16 * MIB, true, DiffMode::Precise).await.unwrap();
    assert!(held.iter().all(|extent| extent.end() <= 4 * MIB || extent.offset >= 8 * MIB), "{held:?}");
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn a_discard_only_ever_makes_zeroes() {
    let pool = pool().await;
    let (name, image) = image(&pool, 8 * MIB).await;
    let data = pattern(8 << 20, 0);
    image.write(0, data.clone().into()).await.unwrap();
    image.discard(4 * MIB, 4 * MIB).await.unwrap();
    image.discard(1000, 200_000).await.unwrap();
    let now = image.read(0, 8 << 20).await.unwrap();
    assert!(now[4 << 20..].iter().all(|byte| *byte == 0));
    assert!(now.iter().zip(&data).all(|(now, before)| *now == 0 || now == before));
    assert_eq!(now[201_000..4 << 20], data[201_000..4 << 20]);
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn a_difference_covers_what_changed() {
    let pool = pool().await;
    let (name, image) = image(&pool, 40 * MIB).await;
    image.write(0, pattern(20 << 20, 0).into()).await.unwrap();
    image.create_snapshot("one").await.unwrap();
    image.write(MIB + 13, pattern(5, 1).into()).await.unwrap();
    image.write_zeroes(4 * MIB, 4 * MIB).await.unwrap();
    image.write(36 * MIB, pattern(10, 2).into()).await.unwrap();
    image.create_snapshot("two").await.unwrap();

    let at_two = pool.open_read_only(&name, Some("two")).await.unwrap();
    let changed = at_two.diff(Some("one"), 0..40 * MIB, false, DiffMode::Precise).await.unwrap();
    assert!(changed.windows(2).all(|pair| pair[0].end() <= pair[1].offset), "in order: {changed:?}");
    let covers = |from: u64, to: u64| changed.iter().any(|extent| extent.offset <= from && to <= extent.end());
    assert!(covers(MIB + 13, MIB + 18) && covers(4 * MIB, 8 * MIB) && covers(36 * MIB, 36 * MIB + 10), "{changed:?}");
    assert!(total(&changed) <= 8 * MIB + 100_000, "{changed:?}");
    // in pieces it is the same
    let mut pieces = Vec::new();
    for at in (0..40 * MIB).step_by(4 << 20) {
        pieces.extend(at_two.diff(Some("one"), at..at + 4 * MIB, false, DiffMode::Precise).await.unwrap());
    }
    assert_eq!(total(&pieces), total(&changed));
    let whole = at_two.diff(Some("one"), 0..40 * MIB, false, DiffMode::WholeObject).await.unwrap();
    assert!(total(&whole) >= total(&changed), "{whole:?}");

    // a point to itself, a point that is later, one that is not there
    assert_eq!(at_two.diff(Some("two"), 0..40 * MIB, false, DiffMode::Precise).await.unwrap(), []);
    let at_one = pool.open_read_only(&name, Some("one")).await.unwrap();
    let later = at_one.diff(Some("two"), 0..40 * MIB, false, DiffMode::Precise).await.unwrap_err();
    assert_eq!(later.errno, Errno::INVALID);
    let missing = at_two.diff(Some("three"), 0..40 * MIB, false, DiffMode::Precise).await.unwrap_err();
    assert!(missing.is_not_found(), "{missing}");

    at_one.close().await;
    at_two.close().await;
    for snapshot in ["one", "two"] {
        image.remove_snapshot(snapshot).await.unwrap();
    }
    remove(&pool, &name, image).await;
}
