//! The images of the standalone volume source: `volume-<id>` and `snapshot-<id>`, named as Cinder's RBD driver
//! names them.
//!
//! Everything here can be repeated after an interruption: ids are never used twice, so that an image which
//! is there already is what an earlier attempt made.

use catalog::jobs::VolumeOrigin;
use catalog::{SnapshotId, VolumeId};
use chain::delete::{OnBusy, remove_image};
use chain::mutation;
use chain::names::{Marker, copy_snapshot, volume_image, volume_snapshot};
use fail_points::Point;
use rbd::{Errno, Image, Pool};

use crate::JobError;
use crate::lease::Held;

/// Bytes of a GiB.
const GIB: u64 = 1 << 30;

/// A size in GiB as bytes.
pub(crate) fn bytes(size_gib: i32) -> u64 {
    u64::try_from(size_gib).unwrap_or(0) * GIB
}

/// Makes an empty image.
pub(crate) async fn create(held: &Held, pool: &Pool, volume: VolumeId, size: u64) -> Result<(), JobError> {
    let name = &volume_image(volume.0);
    match mutation::create_image(Point::CreateVolume, pool, name, size, None).await {
        Ok(()) => return Ok(()),
        Err(error) if error.errno == Errno::EXISTS => {}
        Err(error) => return Err(error.into()),
    }
    match pool.open_read_only(name, None).await {
        Ok(image) => {
            image.close().await;
            return Ok(());
        }
        // only its name: the making of it was cut short
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    held.prove().await.map_err(chain::Error::from)?;
    remove_image(Point::RemoveUnfinishedVolume, pool, name, OnBusy::Fail).await?;
    Ok(mutation::create_image(Point::CreateVolume, pool, name, size, None).await?)
}

/// Makes an image with the content of a snapshot or of another volume. The new image depends on nothing
/// afterwards: neither the snapshot nor the volume is held by it.
pub(crate) async fn create_from(
    held: &Held,
    pool: &Pool,
    volume: VolumeId,
    origin: VolumeOrigin,
    size: u64,
) -> Result<(), JobError> {
    let child = volume_image(volume.0);
    let (parent, snapshot, own) = match origin {
        VolumeOrigin::Snapshot(snapshot, parent) => (volume_image(parent.0), volume_snapshot(snapshot.0), false),
        VolumeOrigin::Volume(parent) => (volume_image(parent.0), copy_snapshot(volume.0), true),
    };
    let source = pool.open(&parent).await?;
    let made = clone_flat(held, pool, &source, &parent, &snapshot, &child, own, size).await;
    let removed = if made.is_err() { give_up(held, pool, &child).await } else { Ok(()) };
    // whatever came of it, the parent is left as it was; the clone goes first, for it holds the snapshot
    let released = release(&source, &snapshot, own).await;
    source.close().await;
    removed?;
    made?;
    Ok(released?)
}

/// Removes a clone that could not be finished.
async fn give_up(held: &Held, pool: &Pool, child: &str) -> Result<(), JobError> {
    // a worker that took the job over may have made it, and somebody may be using it
    held.prove().await.map_err(chain::Error::from)?;
    remove_image(Point::RemoveUnfinishedVolume, pool, child, OnBusy::Fail).await?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "two images, a snapshot, and who may")]
async fn clone_flat(
    held: &Held,
    pool: &Pool,
    source: &Image,
    parent: &str,
    snapshot: &str,
    child: &str,
    own: bool,
    size: u64,
) -> Result<(), JobError> {
    if own {
        match mutation::create_snapshot(Point::CreateCloneSnapshot, source, snapshot).await {
            Err(error) if error.errno != Errno::EXISTS => return Err(error.into()),
            _ => {}
        }
    }
    if !source.is_protected(snapshot).await? {
        mutation::protect_snapshot(Point::ProtectCloneSnapshot, source, snapshot).await?;
    }
    held.prove().await.map_err(chain::Error::from)?;
    remove_image(Point::RemoveUnfinishedVolume, pool, child, OnBusy::Fail).await?; // what an interrupted attempt left
    mutation::clone_image(Point::CloneVolume, pool, parent, snapshot, child).await?;
    let image = pool.open(child).await?;
    mutation::flatten(Point::FlattenVolume, &image).await?;
    if image.size().await? < size {
        mutation::resize(Point::GrowVolume, &image, size, false).await?;
    }
    image.close().await;
    Ok(())
}

/// Leaves the parent as it was before the clone. Tried twice: nobody comes back to it.
async fn release(source: &Image, snapshot: &str, own: bool) -> rbd::Result<()> {
    match try_release(source, snapshot, own).await {
        Err(error) => {
            tracing::warn!(%error, image = source.path(), snapshot, "the snapshot is still held; trying again");
            try_release(source, snapshot, own).await
        }
        Ok(()) => Ok(()),
    }
}

async fn try_release(source: &Image, snapshot: &str, own: bool) -> rbd::Result<()> {
    let there = source.snapshots().await?.iter().any(|candidate| candidate.name == snapshot);
    if !there {
        return Ok(());
    }
    if source.is_protected(snapshot).await? {
        match mutation::unprotect_snapshot(Point::UnprotectCloneSnapshot, source, snapshot).await {
            // a volume is being made from the same snapshot by somebody else, who will release it
            Err(error) if error.errno != Errno::BUSY => return Err(error),
            _ => {}
        }
    }
    if own { mutation::remove_snapshot(Point::RemoveCloneSnapshot, source, snapshot).await } else { Ok(()) }
}

/// Removes an image with its backup markers and the given snapshots. An image that is gone counts as removed; what is left
/// of one whose making or removal was cut short is removed. One that stays in use goes to the pool's trash, from where a
/// later look purges it.
pub(crate) async fn delete(pool: &Pool, volume: VolumeId, snapshots: &[SnapshotId]) -> Result<(), JobError> {
    let name = volume_image(volume.0);
    let image = match pool.open_read_only(&name, None).await {
        Ok(image) => image,
        Err(error) if error.is_not_found() => {
            remove_image(Point::RemoveVolume, pool, &name, OnBusy::Trash).await?;
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    // whatever they were: somebody has begun to remove them
    mutation::finish_removals(Point::RemoveSnapshot, pool, &name, &image, |_| true).await?;
    let seen = image.snapshots().await?;
    let known: Vec<String> = snapshots.iter().map(|id| volume_snapshot(id.0)).collect();
    let (ours, foreign): (Vec<_>, Vec<_>) = seen
        .into_iter()
        .partition(|snapshot| Marker::parse(&snapshot.name).is_some() || known.contains(&snapshot.name));
    if !foreign.is_empty() {
        let names: Vec<&str> = foreign.iter().map(|snapshot| snapshot.name.as_str()).collect();
        return Err(JobError::Failed(format!("the volume's image still has snapshots: {}", names.join(", "))));
    }
    if !ours.is_empty() {
        let image = pool.open(&name).await?;
        for snapshot in ours {
            remove_snapshot(&image, &snapshot.name).await?;
        }
        image.close().await;
    }
    remove_image(Point::RemoveVolume, pool, &name, OnBusy::Trash).await?;
    Ok(())
}

/// Removes a snapshot that nobody needs any more, whatever it was for. Returns whether it is gone: one of which something
/// is a clone stays.
pub(crate) async fn remove_leftover(pool: &Pool, volume: VolumeId, name: &str) -> Result<bool, JobError> {
    let image = match pool.open(&volume_image(volume.0)).await {
        Ok(image) => image,
        Err(error) if error.is_not_found() => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let removed = remove_snapshot(&image, name).await;
    image.close().await;
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.errno == Errno::BUSY => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Grows an image; one that is large enough stays as it is.
pub(crate) async fn extend(pool: &Pool, volume: VolumeId, size: u64) -> Result<(), JobError> {
    let image = pool.open(&volume_image(volume.0)).await?;
    if image.size().await? < size {
        mutation::resize(Point::GrowVolume, &image, size, false).await?;
    }
    image.close().await;
    Ok(())
}

/// Makes a snapshot of a volume that everybody can open, or none.
pub(crate) async fn create_snapshot(
    held: &Held,
    pool: &Pool,
    volume: VolumeId,
    snapshot: SnapshotId,
) -> Result<(), JobError> {
    let image = pool.open(&volume_image(volume.0)).await?;
    let made = make_whole(held, &image, &volume_snapshot(snapshot.0)).await;
    image.close().await;
    made
}

async fn make_whole(held: &Held, image: &Image, name: &str) -> Result<(), JobError> {
    if make_snapshot(image, name).await? {
        return Ok(());
    }
    // an earlier attempt may have died while it made it; a worker that took the job over may have made it whole by now
    held.prove().await.map_err(chain::Error::from)?;
    tracing::warn!(image = image.path(), snapshot = name, "the snapshot was made half; it is made again");
    remove_snapshot(image, name).await?;
    if make_snapshot(image, name).await? {
        return Ok(());
    }
    if let Err(left) = remove_snapshot(image, name).await {
        tracing::warn!(error = %left, image = image.path(), "the snapshot that could not be made may be left");
    }
    Err(chain::Error::HalfSnapshot { image: image.path().to_owned(), snapshot: name.to_owned() }.into())
}

/// Makes a snapshot that may be there already. Returns whether it has its object map: librbd says that all is well where
/// it could not make one, for want of space or because the image has lost its own.
async fn make_snapshot(image: &Image, name: &str) -> Result<bool, JobError> {
    match mutation::create_snapshot(Point::CreateSnapshot, image, name).await {
        Err(error) if error.errno != Errno::EXISTS => return Err(error.into()),
        _ => {}
    }
    let snapshots = image.snapshots().await?;
    match snapshots.iter().find(|snapshot| snapshot.name == name) {
        Some(made) => Ok(image.snapshot_is_whole(made.id).await?),
        None => Ok(false),
    }
}

/// Removes a snapshot of a volume; one that is gone counts as removed.
pub(crate) async fn delete_snapshot(pool: &Pool, volume: VolumeId, snapshot: SnapshotId) -> Result<(), JobError> {
    let image = match pool.open(&volume_image(volume.0)).await {
        Ok(image) => image,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let (image_name, name) = (volume_image(volume.0), volume_snapshot(snapshot.0));
    let removed = async {
        remove_snapshot(&image, &name).await?;
        mutation::finish_removals(Point::RemoveSnapshot, pool, &image_name, &image, |cut| cut == name).await?;
        Ok(())
    };
    let removed = removed.await;
    image.close().await;
    removed
}

async fn remove_snapshot(image: &Image, name: &str) -> rbd::Result<()> {
    let removed = async {
        if image.is_protected(name).await? {
            mutation::unprotect_snapshot(Point::UnprotectSnapshot, image, name).await?;
        }
        mutation::remove_snapshot(Point::RemoveSnapshot, image, name).await
    };
    match removed.await {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}
