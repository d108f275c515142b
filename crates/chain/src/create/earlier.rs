//! A commit that an earlier attempt came to.

use fail_points::Point;
use uuid::Uuid;

use super::start::choose_start;
use super::{Created, Request, bases_of, open_volume};
use crate::error::{Error, Result};
use crate::point::{markers, only_marker};
use crate::{Pools, mutation, table};

/// Whether an earlier attempt got as far as its commit.
pub(super) async fn find_commit(pools: &Pools, request: &Request) -> Result<Option<Created>> {
    for base in bases_of(request) {
        let image = match pools.backups.open_read_only(&base, None).await {
            Ok(image) => image,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.into()),
        };
        let snapshots = image.snapshots().await?;
        if let Some(point) = only_marker(&image, &snapshots, request.backup)? {
            if !image.snapshot_is_whole(point.id).await? {
                let image = pools.backups.open(&base).await?;
                mutation::remove_snapshot(Point::RemoveHalfPoint, &image, &point.name).await?;
                image.close().await;
                continue;
            }
            let before = markers(&snapshots).filter(|(_, snapshot)| snapshot.id < point.id).last();
            let parent = match before {
                None => None,
                Some((marker, _)) => Some(chosen_parent(pools, request, &base).await?.unwrap_or(marker.backup())),
            };
            let checksums = table::without_index(&image, &[request.backup]).await?.is_empty();
            let (marker, size) = (point.name.clone(), point.size);
            return Ok(Some(Created { base, marker, parent, size, written: 0, checksums, suspects: Vec::new() }));
        }
    }
    Ok(None)
}

/// The parent that an earlier attempt, which has committed to `base`, chose: not always the restore point
/// just before. `None` when the volume can not tell any more.
async fn chosen_parent(pools: &Pools, request: &Request, base: &str) -> Result<Option<Uuid>> {
    let start = match open_volume(&pools.volumes, &request.image, true).await {
        Ok(source) => choose_start(pools, request, &source, None).await.map(|choice| choice.start),
        Err(error) => Err(error),
    };
    match start {
        Ok(start) => Ok(start.filter(|start| start.base == base).map(|start| start.parent)),
        Err(Error::NoVolumeImage { .. } | Error::NoVolumeSnapshot { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
