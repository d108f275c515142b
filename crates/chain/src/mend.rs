//! Comparing a volume with a backup's checksums, and writing what disagrees.
//!
//! A restore onto the volume that the backup was made of writes only what a diff says has changed since. That the rest
//! still is what was backed up is what the volume's snapshot says, and a disk that has lost some of it, or somebody who
//! wrote past librbd, changes snapshot and volume alike, without a word to either. So all that the volume holds is read,
//! once, which costs half of what comparing it with the backup does.

use rbd::{Extent, Image};

use crate::Pools;
use crate::change::{Change, Walk};
use crate::control::{Control, Progress};
use crate::copy::{Copy, Known, Sums};
use crate::error::{Error, Result};
use crate::pipeline::{Part, Passed, Piece, Pipeline};
use crate::sums::{Deltas, REGION, add};
use crate::table::Table;

/// What is compared.
pub(crate) struct Mend<'a> {
    /// The backup, at its restore point.
    pub(crate) from: &'a Image,
    /// The volume.
    pub(crate) to: &'a Image,
    /// The backup's checksums.
    pub(crate) table: &'a Table,
}

/// What came of it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mended {
    /// How much was compared; the rest is holes.
    pub(crate) compared: u64,
    /// How much was written.
    pub(crate) written: u64,
}

impl Mend<'_> {
    /// Makes the volume, which has the name `image`, what the checksums say. `part` is where the operation stands.
    ///
    /// # Errors
    /// The backup does not have what the volume lacks: it is damaged there, too. Or Ceph failed, or the operation was
    /// interrupted.
    pub(crate) async fn run(&self, pools: &Pools, image: &str, part: Part, control: &Control) -> Result<Mended> {
        // a handle that has cached nothing of what was just written
        let held = pools.volumes.open_read_only(image, None).await?;
        let content = Change::content_of(&held).await?;
        let end = held.size().await?;
        let compared = compare(&held, Walk::new(&content, None, end), self.table, part, control).await?;
        let Some(first) = compared.damaged.first() else {
            return Ok(Mended { compared: compared.examined, written: 0 });
        };
        let (regions, offset) = (compared.damaged.len(), first * REGION);
        tracing::warn!(volume = held.path(), regions, offset, "the volume was not what its snapshot was taken of");
        let table = self.table.only(&compared.damaged);
        let examined = part.before.examined + end;
        let before = Progress { examined, total: examined, ..part.before };
        let part = Part { before, after: end };
        let written = self.write(&compared, &table, end, part, control).await?.written;

        // what librbd believes to be there already it does not write
        let before = Progress { examined: examined + end, copied: before.copied + written, total: examined + end };
        let held = pools.volumes.open_read_only(image, None).await?;
        let walk = Walk::over(extents(&compared.damaged, end), end);
        let again = compare(&held, walk, &table, Part { before, after: 0 }, control).await?;
        match again.damaged.first() {
            Some(first) => Err(Error::NotMended { image: held.path().to_owned(), offset: first * REGION }),
            None => Ok(Mended { compared: compared.examined, written }),
        }
    }

    /// Writes the regions that differ, which must have the sums that they should.
    async fn write(&self, compared: &Passed, table: &Table, end: u64, part: Part, control: &Control) -> Result<Passed> {
        let walk = Walk::over(extents(&compared.damaged, end), end);
        let sums = Sums::Expected(table);
        let copy = Copy { from: self.from, to: self.to, known: Known::WorthReading, sums, what: None, part };
        copy.run(walk, control).await.map_err(|error| error.reading(self.from))
    }
}

/// Where regions are, in an image that ends at `end`.
fn extents(regions: &[u64], end: u64) -> Vec<Extent> {
    let extent = |region: &u64| {
        let offset = region * REGION;
        Extent { offset, len: REGION.min(end.saturating_sub(offset)) }
    };
    regions.iter().map(extent).collect()
}

/// Reads what the walk finds of an image, and compares it with the sums that it must have.
async fn compare(held: &Image, walk: Walk<'_>, table: &Table, part: Part, control: &Control) -> Result<Passed> {
    let layout = held.layout().await?;
    let pipeline = Pipeline {
        name: held.path(),
        control,
        total: layout.size,
        period: layout.period(),
        weight: 1,
        expected: Some(table),
        fail_fast: false,
        what: None,
        part,
    };
    let piece = |piece: Extent| async move {
        let data = held.read(piece.offset, usize::try_from(piece.len).unwrap_or(usize::MAX)).await?;
        let mut deltas = Deltas::new();
        add(&mut deltas, piece.offset, &data);
        Ok(Piece { written: 0, deltas })
    };
    Box::pin(pipeline.run(walk, piece)).await
}
