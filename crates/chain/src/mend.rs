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
use crate::error::Result;
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
        let layout = held.layout().await?;
        let content = Change::content_of(&held).await?;
        let pipeline = Pipeline {
            name: held.path(),
            control,
            total: layout.size,
            period: layout.period(),
            weight: 1,
            expected: Some(self.table),
            fail_fast: false,
            what: None,
            part,
        };
        let held = &held;
        let piece = |piece: Extent| async move {
            let data = held.read(piece.offset, usize::try_from(piece.len).unwrap_or(usize::MAX)).await?;
            let mut deltas = Deltas::new();
            add(&mut deltas, piece.offset, &data);
            Ok(Piece { written: 0, deltas })
        };
        let compared = Box::pin(pipeline.run(Walk::new(&content, None, layout.size), piece)).await?;
        let mut mended = Mended { compared: compared.examined, written: 0 };
        if let Some(first) = compared.damaged.first() {
            tracing::warn!(
                volume = held.path(),
                regions = compared.damaged.len(),
                offset = first * REGION,
                "the volume did not hold what its snapshot was taken of; it is written from the backup"
            );
            let examined = part.before.examined + layout.size;
            let before = Progress { examined, total: examined, ..part.before };
            mended.written = self.write(&compared, layout.size, Part { before, after: 0 }, control).await?.written;
        }
        Ok(mended)
    }

    /// Writes the regions that differ, which must have the sums that they should.
    async fn write(&self, compared: &Passed, end: u64, part: Part, control: &Control) -> Result<Passed> {
        let table = self.table.only(&compared.damaged);
        let region = |region: &u64| {
            let offset = region * REGION;
            Extent { offset, len: REGION.min(end.saturating_sub(offset)) }
        };
        let walk = Walk::over(compared.damaged.iter().map(region).collect(), end);
        let sums = Sums::Expected(&table);
        let copy = Copy { from: self.from, to: self.to, known: Known::WorthReading, sums, what: None, part };
        copy.run(walk, control).await.map_err(|error| error.reading(self.from))
    }
}
