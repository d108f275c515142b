//! The two snapshots of a backup: the marker on the volume (step 3) and the restore point on the base (step 5).

use std::time::SystemTime;

use fail_points::Point;
use rbd::{Errno, Image, Snapshot};
use uuid::Uuid;

use super::Request;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::mutation;
use crate::names::{Marker, volume_snapshot};
use crate::point::only_marker;

/// The id of the snapshot to copy from, if an earlier attempt may have begun to.
pub(super) async fn begun_at(request: &Request, source: &Image) -> Result<Option<u64>> {
    made_point(request, source, &source.snapshots().await?)
}

/// The id of the snapshot to copy from, if it is among those that there are on the volume.
pub(super) fn made_point(request: &Request, source: &Image, on_volume: &[Snapshot]) -> Result<Option<u64>> {
    Ok(match request.snapshot {
        Some(snapshot) => Some(require_snapshot(source, on_volume, snapshot)?.id),
        None => only_marker(source, on_volume, request.backup)?.map(|marker| marker.id),
    })
}

/// The marker's name and the snapshot of the volume's image to copy from.
pub(super) async fn source_point(request: &Request, source: &Image) -> Result<(Marker, String)> {
    let on_volume = source.snapshots().await?;
    if let Some(snapshot) = request.snapshot {
        let point = require_snapshot(source, &on_volume, snapshot)?;
        // the same at every attempt, as that of a marker is
        let time = source.snapshot_time(point.id).await?;
        return Ok((Marker::new(request.backup, time), point.name.clone()));
    }
    if let Some(marker) = only_marker(source, &on_volume, request.backup)? {
        let name = marker.name.clone();
        if source.snapshot_is_whole(marker.id).await? {
            return Ok((Marker::parse(&name).unwrap_or_else(|| Marker::new(request.backup, SystemTime::now())), name));
        }
        mutation::remove_snapshot(Point::RemoveHalfMarker, source, &name).await?;
    }
    let marker = Marker::new(request.backup, SystemTime::now());
    make_snapshot(Snap::Marker, source, marker.name()).await?;
    let name = marker.name().to_owned();
    Ok((marker, name))
}

fn require_snapshot<'a>(source: &Image, on_volume: &'a [Snapshot], snapshot: Uuid) -> Result<&'a Snapshot> {
    let name = volume_snapshot(snapshot);
    on_volume
        .iter()
        .find(|candidate| candidate.name == name)
        .ok_or_else(|| Error::NoVolumeSnapshot { image: source.path().to_owned(), snapshot: name })
}

/// Makes the restore point of what the base's head holds now; returns its id.
pub(super) async fn commit(base: &Image, point: &str, control: &Control) -> Result<u64> {
    let mut made = make_snapshot(Snap::Point, base, point).await;
    if matches!(&made, Err(Error::Ceph(error)) if error.errno == Errno::EXISTS) {
        // a retried request of librbd's own, or a worker that lost this job and did not know it yet, too early:
        // whose it is can not be told, but while the job is ours what the head holds now is right
        control.prove().await?;
        tracing::warn!(base = base.path(), point, "the restore point was there already; it is made again");
        mutation::remove_snapshot(Point::RemoveEarlyPoint, base, point).await?;
        made = make_snapshot(Snap::Point, base, point).await;
    }
    made
}

/// What a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Snap {
    /// The marker on the volume.
    Marker,
    /// The restore point on the base.
    Point,
}

impl Snap {
    fn create(self) -> Point {
        match self {
            Self::Marker => Point::CreateMarker,
            Self::Point => Point::CreatePoint,
        }
    }

    /// Of one that was not made whole.
    fn remove(self) -> Point {
        match self {
            Self::Marker => Point::RemoveHalfMarker,
            Self::Point => Point::RemoveHalfPoint,
        }
    }
}

/// Makes a snapshot that everybody can open, or none; returns its id.
async fn make_snapshot(what: Snap, image: &Image, name: &str) -> Result<u64> {
    let error = match mutation::create_snapshot(what.create(), image, name).await {
        Ok(()) => {
            let snapshots = image.snapshots().await?;
            // librbd that has no map of the head, for want of space or because it is lost, makes a snapshot with
            // none or an empty one and says that all is well
            if let Some(made) = snapshots.iter().find(|snapshot| snapshot.name == name)
                && image.snapshot_is_whole(made.id).await?
            {
                return Ok(made.id);
            }
            Error::HalfSnapshot { image: image.path().to_owned(), snapshot: name.to_owned() }
        }
        Err(error) if error.errno == Errno::EXISTS => return Err(error.into()),
        // without space for its object map it stays
        Err(error) => error.into(),
    };
    if let Err(left) = mutation::remove_snapshot(what.remove(), image, name).await
        && !left.is_not_found()
    {
        tracing::warn!(error = %left, image = image.path(), "the snapshot that could not be made may be left");
    }
    Err(error)
}
