//! Removing a backup (format spec 5.2), by the ownership rule of 5.3.
//!
//! The restore point goes first, then, with the last one, the base, then the metadata object, then the
//! marker on the volume. Each is skipped when it is gone already, so that the whole can be repeated.

use std::time::{Duration, Instant};

use fail_points::Point;
use rbd::{Errno, Pool};
use uuid::Uuid;

use crate::control::{Control, Step};
use crate::error::{Error, Result};
use crate::names::{Marker, base_image, legacy_base_image, metadata_object};
use crate::point::{BaseRef, markers, only_marker};
use crate::{Pools, mutation, table};

/// How long removing an image that is watched is tried before it goes to the trash: the watch of a client
/// that died is dropped after 30 s; two of those (format spec 5.2).
const BUSY_LIMIT: Duration = Duration::from_mins(1);

/// What is to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The backup.
    pub reference: BaseRef,
    /// The volume's image, which may carry the marker; it need not exist any more.
    pub image: String,
    /// Whether the records hold no other backup of the volume that could live in the legacy base, so that
    /// this one may take that image along (format spec 5.3 c).
    pub sole_legacy: bool,
    /// Whether the backup never became available. A failed backup owns nothing without a proof.
    pub failed: bool,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// A restore point was there.
    pub point: bool,
    /// The base went with it.
    pub base: bool,
    /// The base was in use and was moved to the pool's trash instead, or left there.
    pub trashed: bool,
    /// A marker was there.
    pub marker: bool,
}

/// Removes one backup from every place where it may be: most often a single one.
///
/// The marker goes last. It is what tells a later attempt that something may have been made; without it a second
/// restore point could come to stand beside one that was not found.
///
/// # Errors
/// The restore point has clones, the base has snapshots of somebody else's, Ceph failed, or the operation
/// was interrupted. Calling again goes on where this one stopped.
pub async fn delete(pools: &Pools, places: &[Request], control: &Control) -> Result<Deleted> {
    let mut deleted = Deleted::default();
    for place in places {
        for name in place.reference.names()? {
            if remove_from_base(pools, place, control, &name, &mut deleted).await? {
                break;
            }
        }
    }
    let Some(any) = places.first() else { return Ok(deleted) };
    control.step(Step::Metadata).await?;
    remove_metadata(pools, any.reference.backup).await?;
    control.step(Step::RemoveMarker).await?;
    deleted.marker = remove_marker(pools, any).await?;
    tracing::info!(backup = %any.reference.backup, ?deleted, "backup removed");
    Ok(deleted)
}

/// Removes what the image `name` holds of the backup. Returns whether that was the backup's image.
async fn remove_from_base(
    pools: &Pools,
    request: &Request,
    control: &Control,
    name: &str,
    deleted: &mut Deleted,
) -> Result<bool> {
    let pool = &pools.backups;
    let image = match pool.open_read_only(name, None).await {
        Ok(image) => image,
        Err(error) if error.is_not_found() => {
            // of an image whose removal was cut short the name may be left, or all but the name: only a removal takes it away
            if name == base_image(request.reference.volume, request.reference.backup) {
                deleted.trashed |= remove_image(Point::RemoveBaseName, pool, name, OnBusy::Fail).await?;
            }
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    let backup = request.reference.backup;
    let snapshots = image.snapshots().await?;
    // a restore point whose removal was cut short is none any more, whosever it was; but it holds the base
    let ours = |name: &str| Marker::parse(name).is_some_and(|marker| marker.backup() == backup);
    let cut = image.half_removed_snapshots().await?.iter().any(|snapshot| ours(&snapshot.name));
    let marked = |name: &str| Marker::parse(name).is_some();
    mutation::finish_removals(Point::RemovePoint, pool, name, &image, marked).await?;
    let own = only_marker(&image, &snapshots, backup)?.map(|snapshot| snapshot.name.clone());
    let others = markers(&snapshots).filter(|(marker, _)| marker.backup() != backup).count();
    let foreign: Vec<&str> =
        snapshots.iter().map(|snapshot| snapshot.name.as_str()).filter(|name| Marker::parse(name).is_none()).collect();
    let path = image.path().to_owned();
    image.close().await;

    if let Some(own) = &own {
        control.step(Step::RemovePoint).await?;
        let kept: Vec<Uuid> =
            markers(&snapshots).map(|(marker, _)| marker.backup()).filter(|id| *id != backup).collect();
        remove_point(pool, name, own, &path, &kept).await?;
        deleted.point = true;
    }
    let had_point = own.is_some() || cut;
    if others > 0 {
        return Ok(had_point);
    }
    if !owns(request, name, had_point) {
        return Ok(false);
    }
    if !foreign.is_empty() {
        return Err(Error::ForeignSnapshots { image: path, snapshots: foreign.join(", ") });
    }
    control.step(Step::RemoveBase).await?;
    deleted.trashed |= remove_image(Point::RemoveBase, pool, name, OnBusy::Trash).await?;
    deleted.base = true;
    Ok(true)
}

/// Whether an image without other restore points may be removed for this backup.
fn owns(request: &Request, name: &str, had_point: bool) -> bool {
    let reference = &request.reference;
    if name == legacy_base_image(reference.volume) {
        // (c): an image that several backups may share; a restore point of ours in it proves nothing about
        // copies without one
        return request.sole_legacy && !request.failed;
    }
    // (b), or (a): named by our own row, or carrying our restore point
    name == base_image(reference.volume, reference.backup)
        || had_point
        || (!request.failed && reference.base.as_deref() == Some(name))
}

/// Removes a restore point, and the checksums that those that are kept do not need.
async fn remove_point(pool: &Pool, name: &str, snapshot: &str, path: &str, kept: &[Uuid]) -> Result<()> {
    let image = pool.open(name).await?;
    if image.is_protected(snapshot).await? {
        match mutation::unprotect_snapshot(Point::UnprotectPoint, &image, snapshot).await {
            Ok(()) => {}
            Err(error) if error.errno == Errno::BUSY => {
                return Err(Error::Cloned { image: path.to_owned(), snapshot: snapshot.to_owned() });
            }
            Err(error) => return Err(error.into()),
        }
    }
    match mutation::remove_snapshot(Point::RemovePoint, &image, snapshot).await {
        Ok(()) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    if !kept.is_empty() {
        match table::sweep(&image, kept).await {
            // those of another backup are damaged: that is told when it is read
            Err(error @ Error::BadSums { .. }) => tracing::warn!(%error, "checksums of a deleted backup may be left"),
            other => other?,
        }
    }
    image.close().await;
    Ok(())
}

/// Removes a marker, by its name, that nobody needs. Returns whether it is gone: one that somebody protected or cloned
/// stays.
///
/// # Errors
/// Ceph failed.
pub async fn remove_marker_named(pools: &Pools, volume_image: &str, name: &str) -> Result<bool> {
    let image = match pools.volumes.open(volume_image).await {
        Ok(image) => image,
        Err(error) if error.is_not_found() => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let removed = mutation::remove_snapshot(Point::RemoveMarker, &image, name).await;
    image.close().await;
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(true),
        // somebody protected or cloned it; the backup is gone all the same, and the marker goes with the volume
        Err(error) if error.errno == Errno::BUSY => {
            tracing::warn!(%error, "the marker of a deleted backup stays on the volume");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes a backup's metadata object; says whether there was one.
///
/// # Errors
/// Ceph failed.
pub async fn remove_metadata(pools: &Pools, backup: Uuid) -> Result<bool> {
    Ok(mutation::remove_object(Point::RemoveMetadata, &pools.backups, &metadata_object(backup)).await?)
}

/// Removes the checksums from a base that none of its restore points needs.
///
/// # Errors
/// One of theirs can not be understood, or Ceph failed.
pub async fn sweep_sums(pools: &Pools, name: &str) -> Result<()> {
    let image = pools.backups.open(name).await?;
    let kept: Vec<Uuid> = markers(&image.snapshots().await?).map(|(marker, _)| marker.backup()).collect();
    let swept = table::sweep(&image, &kept).await;
    image.close().await;
    swept
}

/// What becomes of an image that stays in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBusy {
    /// It goes to the pool's trash, from where a later look purges it.
    Trash,
    /// It stays, and the removal fails.
    Fail,
}

/// Removes an image; one that is in use is tried again for a minute. Returns whether it went to the trash instead, or was
/// left there: librbd removes by way of the trash, and of a removal that was cut short nothing but that is left, which a
/// later look purges. An image that is not there counts as removed. Which image it is says the fail `point`.
///
/// # Errors
/// Ceph failed, or the image stayed in use.
pub async fn remove_image(point: Point, pool: &Pool, name: &str, on_busy: OnBusy) -> Result<bool> {
    match while_in_use(name, || mutation::remove_image(point, pool, name)).await {
        Ok(()) => Ok(false),
        Err(error) if error.is_not_found() => {
            // where the trash has no space librbd says that there is no image
            if there(pool, name).await? {
                return Err(Error::NotRemoved { image: format!("{}/{name}", pool.name()) });
            }
            Ok(false)
        }
        Err(error) if [Errno::BUSY, Errno::UNCLEAN].contains(&error.errno) && !there(pool, name).await? => {
            finish_removals(point, pool, name).await
        }
        Err(error) if error.errno == Errno::BUSY && on_busy == OnBusy::Trash => {
            mutation::trash_image(Point::TrashImage, pool, name).await?;
            tracing::warn!(image = name, pool = pool.name(), "the image stayed in use and was moved to the trash");
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether there is an image of this name.
async fn there(pool: &Pool, name: &str) -> Result<bool> {
    match pool.open_read_only(name, None).await {
        Ok(image) => {
            image.close().await;
            Ok(true)
        }
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Removes what was left in the trash by removals of images of this name that were cut short. librbd removes by way of the
/// trash: the name is free early on, and whoever makes an image of that name hides what is left. What is in use stays
/// there: it is in nobody's way, and a later look purges it. Returns whether something stays.
///
/// # Errors
/// Ceph failed.
pub(crate) async fn finish_removals(point: Point, pool: &Pool, name: &str) -> Result<bool> {
    let mut stays = false;
    for id in pool.ids_of(name).await? {
        // only what is in the trash is removed by its id
        match mutation::purge_image(point, pool, &id).await {
            Ok(()) => tracing::info!(image = name, id, "a removal that was cut short was finished"),
            Err(error) if error.is_not_found() => {}
            // where its name still leads to it, a removal by that goes on with it
            Err(error) if [Errno::BUSY, Errno::UNCLEAN].contains(&error.errno) => {
                tracing::warn!(image = name, id, %error, "what a removal has left stays in the trash");
                stays = true;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(stays)
}

/// Does something again, less and less often, while the image is in use, for at most [`BUSY_LIMIT`].
async fn while_in_use<Tried: Future<Output = rbd::Result<()>>>(
    name: &str,
    attempt: impl Fn() -> Tried,
) -> rbd::Result<()> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(250);
    loop {
        match attempt().await {
            Err(error) if error.errno == Errno::BUSY && started.elapsed() + pause < BUSY_LIMIT => {
                tracing::info!(image = name, pause_ms = pause.as_millis(), "the image is in use; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            ended => return ended,
        }
    }
}

/// Removes the backup's marker from the volume, if volume and marker are there. The marker is the point from
/// which a later increment of this very backup would start: with the backup gone nobody needs it.
async fn remove_marker(pools: &Pools, request: &Request) -> Result<bool> {
    let seen = match pools.volumes.open_read_only(&request.image, None).await {
        Ok(image) => image,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let snapshots = seen.snapshots().await?;
    let backup = request.reference.backup;
    let ours = |name: &str| Marker::parse(name).is_some_and(|marker| marker.backup() == backup);
    let finished = mutation::finish_removals(Point::RemoveMarker, &pools.volumes, &request.image, &seen, ours).await?;
    let mut removed = finished > 0;
    // whoever made a second one: all of them mark this backup, and nothing has to be told apart
    for (_, marker) in markers(&snapshots).filter(|(marker, _)| marker.backup() == backup) {
        removed |= remove_marker_named(pools, &request.image, &marker.name).await?;
    }
    Ok(removed)
}
