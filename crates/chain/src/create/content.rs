//! Bringing the base's head to what the volume held at the backup's snapshot (step 4).

use fail_points::Point;
use rbd::{Extent, Image};

use super::{Request, Start};
use crate::blocks::BLOCK;
use crate::change::{Change, Walk};
use crate::control::Control;
use crate::copy::{Before, Copy, Known, Sums};
use crate::error::{Error, Result};
use crate::pipeline::{Part, Passed};
use crate::point::still_there;
use crate::table::Index;
use crate::{Pools, mutation};

/// The base that is written to.
pub(super) struct Target {
    pub(super) to: Image,
    /// Whether an earlier attempt has filled a part of it.
    begun: bool,
    /// Its head, only for reading, where an increment needs it and it has the size of the source.
    head: Option<Image>,
}

impl Target {
    pub(super) async fn open(pools: &Pools, base: &str, incremental: bool, begun: bool, size: u64) -> Result<Self> {
        let to = pools.backups.open(base).await?;
        let head = if incremental && to.size().await? == size {
            Some(pools.backups.open_read_only(base, None).await?)
        } else {
            None
        };
        Ok(Self { to, begun, head })
    }
}

/// What was copied.
pub(super) struct Content {
    /// The volume's size then, bytes.
    pub(super) size: u64,
    pub(super) passed: Passed,
    pub(super) sums: Recorded,
}

/// Which checksums can be recorded.
pub(super) enum Recorded {
    /// None: the parent has none.
    Not,
    /// Those of the whole image.
    Whole,
    /// What has become of the parent's.
    Since(Index),
}

/// What the journal calls a full copy to the image `base` from the snapshot `point` of `volume`, all by their ids. One
/// that takes no checksums is none that one with them can go on from.
pub(super) fn full_copy(base: &str, volume: &str, point: u64, checksums: bool) -> String {
    format!("full {base} <- {volume}@{point}{}", if checksums { "" } else { " without checksums" })
}

/// Brings the base's head to what the volume held at `point`.
pub(super) async fn copy(
    pools: &Pools,
    request: &Request,
    control: &Control,
    start: Option<&Start>,
    point: &str,
    target: &Target,
) -> Result<Content> {
    let to = &target.to;
    let open_from = async { Ok(pools.volumes.open_read_only(&request.image, Some(point)).await?) };
    let open_start = async {
        let Some(start) = start else { return Ok::<_, Error>(None) };
        let volume = pools.volumes.open_read_only(&request.image, Some(&start.from.0));
        let (volume, index) = tokio::join!(volume, Index::read(to, start.parent));
        let index = if request.checksums { usable(index, start)? } else { None };
        Ok(Some((start, volume?, index)))
    };
    let (from, start) = futures_util::try_join!(open_from, open_start)?;
    let (size, id) = futures_util::try_join!(from.size(), from.id())?;
    let end = from.snapshots().await?.into_iter().find(|snapshot| snapshot.name == point);
    let end = end.ok_or_else(|| Error::SourceVanished { image: from.path().to_owned() })?.id;
    let resized = to.size().await? != size;
    if resized {
        mutation::resize(Point::ResizeBase, to, size, true).await?;
    }
    let Some((start, start_image, index)) = start else {
        let what = full_copy(&to.id().await?, &id, end, request.checksums);
        if target.begun && control.journal.of(&what).is_none() {
            // what fills a part of it is not of this snapshot: the one that it is of was there a moment ago
            return Err(Error::SourceVanished { image: from.path().to_owned() });
        }
        let content = Change::content_of(&from).await?.checked(&pools.volumes, &request.image, point).await?;
        let (sums, recorded) =
            if request.checksums { (Sums::Taken, Recorded::Whole) } else { (Sums::Ignored, Recorded::Not) };
        let copy = Copy { from: &from, to, known: Known::Empty, sums, what: Some(&what), part: Part::default() };
        let passed = copy.run(Walk::new(&content, None, size), control).await?;
        still_there(&pools.volumes, &request.image, &id, &[end]).await?;
        return Ok(Content { size, passed, sums: recorded });
    };
    let leftover = async {
        let head = match &target.head {
            Some(head) if !resized => head.clone(),
            // opened after the resize, which is part of what the head differs by
            _ => pools.backups.open_read_only(&start.base, None).await?,
        };
        Change::beyond(&start.point.0, &head).await
    };
    let changed = async {
        Change::between(&start_image, &start.from.0, &from).await?.checked(&pools.volumes, &request.image, point).await
    };
    let (changed, leftover) = futures_util::try_join!(changed, leftover)?;
    let known = if changed.has_suspects() { Known::WorthReading } else { Known::Nothing };
    let before = Before::new(&pools.backups, &start.base, &start.point.0, start.size);
    let sums = if index.is_some() { Sums::BroughtForward(&before) } else { Sums::Ignored };
    let mut walk = Walk::new(&changed, Some(&leftover), size);
    if index.is_some() && size < start.size && size > 0 {
        // what lay behind the new end goes with the sum of the last block, whether or not that has changed
        let offset = (size - 1) / BLOCK * BLOCK;
        walk = walk.and(Extent { offset, len: size - offset });
    }
    let passed = Copy { from: &from, to, known, sums, what: None, part: Part::default() }.run(walk, control).await?;
    still_there(&pools.volumes, &request.image, &id, &[start.from.1, end]).await?;
    Ok(Content { size, passed, sums: index.map_or(Recorded::Not, Recorded::Since) })
}

/// The parent's index, if it has one. That it can be used was seen when the parent was chosen.
fn usable(index: Result<Option<Index>>, start: &Start) -> Result<Option<Index>> {
    let index = index?;
    if index.is_none() {
        tracing::info!(parent = %start.parent, "the parent has no checksums, so that this backup will have none");
    }
    Ok(index)
}
