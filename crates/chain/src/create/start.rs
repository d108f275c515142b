//! Where an increment starts: the first candidate from which it is right (step 1).

use rbd::Image;
use uuid::Uuid;

use super::Request;
use super::snapshot::made_point;
use crate::Pools;
use crate::error::{Error, Result};
use crate::names::volume_snapshot;
use crate::point::{BaseRef, RestorePoint, only_marker};

/// What an increment may start from.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The parent, if there is one from which an increment is right.
    pub(super) start: Option<Start>,
    /// Candidates that were passed over because their checksums are damaged.
    pub(super) suspects: Vec<Uuid>,
}

/// Where an incremental backup starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) parent: Uuid,
    pub(super) base: String,
    /// The parent's restore point on the base: its name and its id.
    pub(super) point: (String, u64),
    /// The image's size at it, bytes.
    pub(super) size: u64,
    /// The snapshot of the volume's image with the same content: its name and its id.
    pub(super) from: (String, u64),
}

/// The first candidate from which an increment is right; `first` is where the first of them was found, if it was
/// looked for already.
pub(super) async fn choose_start(
    pools: &Pools,
    request: &Request,
    source: &Image,
    mut first: Option<Result<RestorePoint>>,
) -> Result<Choice> {
    let mut choice = Choice::default();
    if request.parents.is_empty() {
        return Ok(choice);
    }
    let on_volume = source.snapshots().await?;
    let end = made_point(request, source, &on_volume)?;
    for parent in &request.parents {
        let found = match first.take() {
            Some(found) => found,
            None => parent.find(&pools.backups).await,
        };
        let point = match found {
            Ok(point) => point,
            Err(
                error @ (Error::NoBase { .. }
                | Error::NoRestorePoint { .. }
                | Error::StrangeBase { .. }
                | Error::AmbiguousRestorePoint { .. }),
            ) => {
                tracing::warn!(parent = %parent.backup, %error, "this backup can not be a parent");
                continue;
            }
            Err(error) => return Err(error),
        };
        // a plain copy has no point from which a difference could be taken
        let (Some(snapshot), Some(id)) = (point.snapshot.clone(), point.snapshot_id) else { continue };
        let marked = match only_marker(source, &on_volume, parent.backup) {
            Ok(marked) => marked,
            // which of them is the right one can not be told
            Err(error) => {
                tracing::warn!(parent = %parent.backup, %error, "this backup can not be a parent");
                continue;
            }
        };
        let from = marked.or_else(|| {
            let name = volume_snapshot(parent.snapshot?);
            on_volume.iter().find(|snapshot| snapshot.name == name)
        });
        let Some(from) = from.filter(|from| end.is_none_or(|end| from.id < end)) else {
            tracing::info!(parent = %parent.backup, "the volume no longer has the point that this backup was made at");
            continue;
        };
        // a base that is shorter than what it was made of is a truncated copy (format spec 3.7)
        if point.size != from.size {
            tracing::warn!(parent = %parent.backup, "the base and the volume's snapshot differ in size");
            continue;
        }
        // what is built upon checksums that can not be read would have none, and all that is built upon that
        if request.checksums && has_bad_sums(pools, parent, &point).await? {
            choice.suspects.push(parent.backup);
            continue;
        }
        let from = (from.name.clone(), from.id);
        let (parent, base, point, size) = (parent.backup, point.base, (snapshot, id), point.size);
        choice.start = Some(Start { parent, base, point, size, from });
        break;
    }
    Ok(choice)
}

/// Whether the checksums of a restore point are damaged, or gone.
async fn has_bad_sums(pools: &Pools, parent: &BaseRef, point: &RestorePoint) -> Result<bool> {
    let base = match pools.backups.open_read_only(&point.base, None).await {
        Ok(base) => base,
        Err(error) if error.is_not_found() => return Err(Error::SourceVanished { image: point.base.clone() }),
        Err(error) => return Err(error.into()),
    };
    match point.sums(&base, parent).await {
        Ok(_) => Ok(false),
        Err(error @ (Error::BadSums { .. } | Error::Truncated { .. })) => {
            tracing::warn!(parent = %parent.backup, %error, "this backup can not be a parent");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}
