//! Which extents of an image must be looked at.

use std::ops::Range;

use rbd::{DiffMode, Difference, Extent, Features, Image, Layout, Pool};

use crate::blocks::BLOCK;
use crate::error::{Error, Result};
use crate::extents::{align, first_outside, union};

/// How much of an image the first diff call covers, bytes: some hundred objects, so that its list stays small.
const STRIDE: u64 = 1 << 30;

/// How much one diff call covers at most, bytes. Each call ends when its last object has answered, so that where
/// little is found few calls are better.
const LONGEST_STRIDE: u64 = 16 << 30;

/// How many extents are few.
const FEW: usize = 4096;

/// What may differ in an image between two points in time.
#[derive(Debug)]
pub(crate) struct Change {
    image: Image,
    from: Option<String>,
    /// A range that the object's snapshots do not tell about: see [`Change::between`].
    suspect: Range<u64>,
    layout: Layout,
    /// Whether the object maps are asked first, and each object only where they say that something changed.
    maps_first: bool,
    /// Where the image, a snapshot of a volume's, can be opened again, if what exists is compared with the object map that
    /// it is read through: see [`Change::checked`].
    checked: Option<Again>,
}

/// A snapshot that can be opened again.
#[derive(Debug, Clone)]
struct Again {
    pool: Pool,
    name: String,
    snapshot: String,
}

impl Again {
    /// What the snapshot's object map says that there is in a range, by the map that `image` was opened with.
    async fn mapped(image: &Image, range: Range<u64>) -> Result<Vec<Extent>> {
        let found = image.differences(None, range, false, DiffMode::WholeObject).await?;
        Ok(union(existing(found), &[]))
    }

    /// As the map is now.
    async fn mapped_now(&self, range: Range<u64>) -> Result<Vec<Extent>> {
        let image = match self.pool.open_read_only(&self.name, Some(&self.snapshot)).await {
            Err(error) if error.is_not_found() => {
                return Err(Error::SourceVanished { image: format!("{}/{}", self.pool.name(), self.name) });
            }
            opened => opened?,
        };
        let mapped = Self::mapped(&image, range).await;
        image.close().await;
        mapped
    }
}

fn existing(found: Vec<Difference>) -> Vec<Extent> {
    found.into_iter().filter(|difference| difference.exists).map(|difference| difference.extent).collect()
}

impl Change {
    /// Everything that `image` holds at the point it was opened at, its parent's data included.
    ///
    /// # Errors
    /// Ceph failed.
    pub(crate) async fn content_of(image: &Image) -> Result<Self> {
        let layout = image.layout().await?;
        Ok(Self { image: image.clone(), from: None, suspect: 0..0, layout, maps_first: false, checked: None })
    }

    /// What may differ between the snapshot `from`, which `start` was opened at, and the point that `image`, a
    /// handle on the same image, was opened at.
    ///
    /// librbd answers this from the snapshots of each object. For a clone that is not all: where an object
    /// exists at neither point, the bytes came from the parent at the first and may not at the second, because
    /// the image was made smaller and larger again in between. So the part of the parent that was visible at
    /// `from` and is not at the second point is suspect as a whole.
    ///
    /// # Errors
    /// There is no such snapshot, or Ceph failed.
    pub(crate) async fn between(start: &Image, from: &str, image: &Image) -> Result<Self> {
        let layout = image.layout().await?;
        let (before, after) = (start.parent_overlap().await?, image.parent_overlap().await?);
        let suspect = after..before.min(layout.size).max(after);
        Ok(Self {
            image: image.clone(),
            from: Some(from.to_owned()),
            suspect,
            layout,
            maps_first: false,
            checked: None,
        })
    }

    /// What `head`, a handle on the head of a base, holds beyond the restore point `point`: most often nothing,
    /// which the object maps can tell without a look at each object.
    ///
    /// They are asked only where they can be believed: who writes to a base flushes before it takes a
    /// snapshot, so that its maps do not miss what a running guest's may miss (format spec 7.2). And only
    /// between neighbours of one size: over a shorter snapshot in between, librbd forgets what the longer
    /// one held. Where a map is marked invalid or is missing, librbd looks at the objects by itself.
    ///
    /// # Errors
    /// There is no such snapshot, or Ceph failed.
    pub(crate) async fn beyond(point: &str, head: &Image) -> Result<Self> {
        let layout = head.layout().await?;
        let (features, youngest) = (head.features().await?, head.youngest_snapshot().await?);
        let mapped = features.has(Features::OBJECT_MAP.with(Features::FAST_DIFF));
        let neighbour = youngest.is_some_and(|youngest| youngest.name == point && youngest.size == layout.size);
        // a base has no parent: nothing is suspect
        let (image, from) = (head.clone(), Some(point.to_owned()));
        Ok(Self { image, from, suspect: 0..0, layout, maps_first: mapped && neighbour, checked: None })
    }

    /// Of a `snapshot` of a volume's image, whose objects are compared with its map on the way.
    ///
    /// librbd reads an object only where the snapshot's map says that it is there, and gives zeroes or the parent's
    /// bytes otherwise. A guest whose librbd is older than 16.2.14 may leave that map stale when the snapshot is made
    /// while it writes an object for the first time (docs/adr/0015). Where maps are marked invalid, or one is missing,
    /// librbd asks the objects, here and when it reads.
    ///
    /// # Errors
    /// Ceph failed.
    pub(crate) async fn checked(self, pool: &Pool, name: &str, snapshot: &str) -> Result<Self> {
        let maps = Features::OBJECT_MAP.with(Features::FAST_DIFF);
        if !self.image.features().await?.has(maps) {
            return Ok(self);
        }
        let checked = Again { pool: pool.clone(), name: name.to_owned(), snapshot: snapshot.to_owned() };
        Ok(Self { checked: Some(checked), ..self })
    }

    /// Whether some of the extents are only suspects, so that comparing them with the target before writing
    /// saves space.
    pub(crate) fn has_suspects(&self) -> bool {
        !self.suspect.is_empty()
    }

    /// The extents in a range, ascending, within the image's size.
    async fn extents(&self, range: Range<u64>) -> Result<Vec<Extent>> {
        let range = range.start..range.end.min(self.layout.size);
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let diff = |mode| self.image.diff(self.from.as_deref(), range.clone(), self.from.is_none(), mode);
        let found = if self.maps_first && diff(DiffMode::WholeObject).await?.is_empty() {
            Vec::new()
        } else if let Some(again) = &self.checked {
            self.checked_extents(range.clone(), again).await?
        } else {
            diff(DiffMode::Precise).await?
        };
        let (start, end) = (range.start.max(self.suspect.start), range.end.min(self.suspect.end));
        if start < end {
            return Ok(union(found, &[Extent { offset: start, len: end - start }]));
        }
        Ok(found)
    }

    /// The extents in a range, once the map knows of all of them that exist.
    ///
    /// A handle goes by the map that it was opened with. An object of a clone that a guest has copied from the parent since
    /// is in the snapshot, and in its map: only a handle that is opened now knows that. The older one reads the same bytes
    /// from the parent.
    async fn checked_extents(&self, range: Range<u64>, again: &Again) -> Result<Vec<Extent>> {
        let precise = |from, parent| self.image.differences(from, range.clone(), parent, DiffMode::Precise);
        let found = precise(self.from.as_deref(), self.from.is_none()).await?;
        let extents = found.iter().map(|difference| difference.extent).collect();
        if !found.iter().any(|difference| difference.exists) {
            return Ok(extents);
        }
        // what a clone has from its parent is in no map of its own
        let from_parent = self.from.is_none() && self.image.parent_overlap().await? > 0;
        let own = existing(if from_parent { precise(None, false).await? } else { found });
        if first_outside(&own, &Again::mapped(&self.image, range.clone()).await?).is_none() {
            return Ok(extents);
        }
        match first_outside(&own, &again.mapped_now(range).await?) {
            None => Ok(extents),
            Some(offset) => Err(Error::StaleMap { image: self.image.path().to_owned(), offset }),
        }
    }
}

/// Walks over the changes of some images, range by range.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    changes: Vec<&'a Change>,
    /// Each range must begin at a multiple of this, bytes.
    period: u64,
    /// Looked at whatever the diffs say, ascending.
    besides: Vec<Extent>,
    first_stride: u64,
    stride: u64,
    at: u64,
    end: u64,
}

impl<'a> Walk<'a> {
    /// A walk over the union of the changes, from the start to `end`.
    pub(crate) fn new(one: &'a Change, other: impl IntoIterator<Item = &'a Change>, end: u64) -> Self {
        // a diff of a striped image is only right when it starts where the striping does
        let changes: Vec<&Change> = std::iter::once(one).chain(other).collect();
        let period = changes.iter().fold(1, |period, change| common_multiple(period, change.layout.period()));
        let stride = STRIDE.next_multiple_of(period);
        Self { changes, period, besides: Vec::new(), first_stride: stride, stride, at: 0, end }
    }

    /// A walk over these extents, which ascend, and nothing else.
    pub(crate) fn over(extents: Vec<Extent>, end: u64) -> Self {
        Self { changes: Vec::new(), period: 1, besides: extents, first_stride: STRIDE, stride: STRIDE, at: 0, end }
    }

    /// The walk finds this, too.
    pub(crate) fn and(mut self, extent: Extent) -> Self {
        self.besides = vec![extent];
        self
    }

    /// The smallest multiple of `length` at which the walk can go on.
    pub(crate) fn grain(&self, length: u64) -> u64 {
        common_multiple(self.period, length)
    }

    /// Goes on at `offset`, a multiple of the grain.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        self.at = offset.min(self.end);
    }

    /// The extents of the next range, in whole blocks, with where that range ends. `None` at the end. Ranges grow
    /// where little is found.
    pub(crate) async fn next(&mut self) -> Result<Option<(Vec<Extent>, u64)>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let range = self.at..(self.at + self.stride).min(self.end);
        let lists = self.changes.iter().map(|change| change.extents(range.clone()));
        let lists = futures_util::future::try_join_all(lists).await?;
        self.at = range.end;
        let mut found = lists.into_iter().reduce(|one, other| union(one, &other)).unwrap_or_default();
        let here = self.besides.iter().filter(|besides| besides.offset < range.end && besides.end() > range.start);
        let here: Vec<Extent> = here
            .map(|besides| {
                let (start, end) = (besides.offset.max(range.start), besides.end().min(range.end));
                Extent { offset: start, len: end - start }
            })
            .collect();
        found = union(found, &here);
        let found = align(&found, BLOCK, range.clone());
        // twice a multiple of the period is one
        self.stride = match self.stride * 2 {
            longer if found.len() <= FEW && longer <= LONGEST_STRIDE => longer,
            _ if found.len() > FEW => self.first_stride,
            _ => self.stride,
        };
        Ok(Some((found, range.end)))
    }

    /// Whether there is nothing at all. Looks only as far as the first extent.
    pub(crate) async fn finds_nothing(mut self) -> Result<bool> {
        while let Some((extents, _)) = self.next().await? {
            if !extents.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The smallest common multiple of two lengths, at least 1.
fn common_multiple(one: u64, other: u64) -> u64 {
    let (mut a, mut b) = (one.max(1), other.max(1));
    while b > 0 {
        (a, b) = (b, a % b);
    }
    (one.max(1) / a).saturating_mul(other.max(1))
}

#[cfg(test)]
mod tests {
    use super::common_multiple;

    #[test]
    fn a_stride_fits_the_striping_of_both_images() {
        assert_eq!(common_multiple(4, 6), 12);
        assert_eq!(common_multiple(1 << 22, 1 << 23), 1 << 23);
        assert_eq!(common_multiple(0, 5), 5);
        assert_eq!(common_multiple(3 << 22, 5 << 22), 15 << 22);
    }
}
