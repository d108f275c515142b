//! Everything that changes something on Ceph for a job, with a fail point before and after it.
//!
//! Nothing else calls the methods of `rbd` that change something: `clippy.toml` disallows them. Which point it is says
//! the caller, because the same operation stands for different things: a snapshot is a marker here and a commit there.
#![expect(clippy::disallowed_methods, reason = "this is the place where they are called")]

use std::time::Duration;

use bytes::Bytes;
use fail_points::{Injected, Point, around};
use rbd::{Cluster, Errno, Error, Features, Image, Pool, Result};

use crate::names::TRASHED;

/// What a point that was told to fail looks like: as an OSD that could not do as asked.
fn failure(_: Injected) -> Error {
    const IO: Errno = Errno(5);
    Error { operation: "an injected failure of", object: "Ceph".to_owned(), errno: IO }
}

/// Makes an image: [`Pool::create_image`].
///
/// # Errors
/// An image of that name exists, or Ceph failed.
pub async fn create_image(point: Point, pool: &Pool, name: &str, size: u64, features: Option<Features>) -> Result<()> {
    around(point, pool.create_image(name, size, features, None), failure).await
}

/// Makes an image from a protected snapshot: [`Pool::clone_image`].
///
/// # Errors
/// The snapshot is missing or not protected, the child exists, or Ceph failed.
pub async fn clone_image(point: Point, pool: &Pool, parent: &str, snapshot: &str, child: &str) -> Result<()> {
    around(point, pool.clone_image(parent, snapshot, child, None), failure).await
}

/// Removes an image: [`Pool::remove_image`].
///
/// # Errors
/// The image does not exist, has snapshots or a watcher, or Ceph failed.
pub(crate) async fn remove_image(point: Point, pool: &Pool, name: &str) -> Result<()> {
    around(point, pool.remove_image(name), failure).await
}

/// Moves an image to the trash, marked as what a deletion moved there: [`Pool::trash_image`]. One that was marked and not
/// moved is marked again by whoever goes on.
///
/// # Errors
/// There is none, somebody keeps its lock for himself, or Ceph failed.
pub async fn trash_image(point: Point, pool: &Pool, name: &str) -> Result<()> {
    let moved = async {
        let image = pool.open(name).await?;
        let marked = image.set_metadata(TRASHED, "by a deletion").await;
        image.close().await;
        marked?;
        pool.trash_image(name).await
    };
    around(point, moved, failure).await
}

/// Removes an image that is in the trash, by its id: [`Pool::purge_image`].
///
/// # Errors
/// There is none, it has a watcher, or Ceph failed.
pub async fn purge_image(point: Point, pool: &Pool, id: &str) -> Result<()> {
    around(point, pool.purge_image(id), failure).await
}

/// Writes a whole object: [`Pool::write_object`].
pub(crate) async fn write_object(point: Point, pool: &Pool, name: &str, data: Vec<u8>) -> Result<()> {
    around(point, pool.write_object(name, data), failure).await
}

/// Removes an object; says whether there was one: [`Pool::remove_object`].
pub(crate) async fn remove_object(point: Point, pool: &Pool, name: &str) -> Result<bool> {
    around(point, pool.remove_object(name), failure).await
}

/// Makes a snapshot: [`Image::create_snapshot`].
///
/// # Errors
/// A snapshot of that name exists, or Ceph failed.
pub async fn create_snapshot(point: Point, image: &Image, name: &str) -> Result<()> {
    around(point, image.create_snapshot(name), failure).await
}

/// Removes a snapshot: [`Image::remove_snapshot`].
///
/// # Errors
/// There is none, it is protected, or Ceph failed.
pub async fn remove_snapshot(point: Point, image: &Image, name: &str) -> Result<()> {
    around(point, image.remove_snapshot(name), failure).await
}

/// Finishes the removals of snapshots that were cut short, of those that `ours` knows by the names that they had; returns
/// how many they were. One that has clones stays.
///
/// # Errors
/// Ceph failed.
pub async fn finish_removals(
    point: Point,
    pool: &Pool,
    name: &str,
    seen: &Image,
    ours: impl Fn(&str) -> bool,
) -> Result<usize> {
    let cut: Vec<_> = seen.half_removed_snapshots().await?.into_iter().filter(|cut| ours(&cut.name)).collect();
    if cut.is_empty() {
        return Ok(0);
    }
    let image = pool.open(name).await?;
    let mut finished = 0;
    for snapshot in &cut {
        match around(point, image.finish_snapshot_removal(snapshot.id), failure).await {
            Ok(()) => finished += 1,
            Err(error) if error.is_not_found() => {}
            Err(error) if error.errno == Errno::BUSY => {
                tracing::warn!(%error, snapshot = snapshot.name, "a snapshot that is being removed still has clones");
            }
            Err(error) => return Err(error),
        }
    }
    image.close().await;
    Ok(finished)
}

/// Protects a snapshot, so that it can be cloned: [`Image::protect_snapshot`].
///
/// # Errors
/// There is none, or Ceph failed.
pub async fn protect_snapshot(point: Point, image: &Image, name: &str) -> Result<()> {
    around(point, image.protect_snapshot(name), failure).await
}

/// Makes a protected snapshot removable again: [`Image::unprotect_snapshot`].
///
/// # Errors
/// It has clones, or Ceph failed.
pub async fn unprotect_snapshot(point: Point, image: &Image, name: &str) -> Result<()> {
    around(point, image.unprotect_snapshot(name), failure).await
}

/// Changes an image's size: [`Image::resize`].
///
/// # Errors
/// It would shrink and must not, or Ceph failed.
pub async fn resize(point: Point, image: &Image, size: u64, allow_shrink: bool) -> Result<()> {
    around(point, image.resize(size, allow_shrink), failure).await
}

/// Makes an image independent of what it is a clone of: [`Image::flatten`].
///
/// # Errors
/// It is no clone, or Ceph failed.
pub async fn flatten(point: Point, image: &Image) -> Result<()> {
    around(point, image.flatten(), failure).await
}

/// Sets a value of an image's own metadata: [`Image::set_metadata`].
pub(crate) async fn set_metadata(point: Point, image: &Image, key: &str, value: &str) -> Result<()> {
    around(point, image.set_metadata(key, value), failure).await
}

/// Removes a value of an image's own metadata: [`Image::remove_metadata`].
pub(crate) async fn remove_metadata(point: Point, image: &Image, key: &str) -> Result<()> {
    around(point, image.remove_metadata(key), failure).await
}

/// Writes data: [`Image::write`].
pub(crate) async fn write(image: &Image, offset: u64, data: Bytes) -> Result<()> {
    around(Point::CopyPiece, image.write(offset, data), failure).await
}

/// Makes a hole: [`Image::write_zeroes`].
pub(crate) async fn write_zeroes(image: &Image, offset: u64, len: u64) -> Result<()> {
    around(Point::CopyPiece, image.write_zeroes(offset, len), failure).await
}

/// Makes what was written durable: [`Image::flush`].
pub(crate) async fn flush(image: &Image) -> Result<()> {
    around(Point::CopyFlush, image.flush(), failure).await
}

/// Keeps a client from writing: [`Cluster::fence`].
///
/// # Errors
/// The address is none, the caps do not allow it, or Ceph failed.
pub async fn fence(cluster: &Cluster, address: &str, expiry: Duration) -> Result<()> {
    around(Point::FenceWorker, cluster.fence(address, expiry), failure).await
}
