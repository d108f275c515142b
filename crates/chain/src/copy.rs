//! One copy: the bytes that a walk finds, brought from one image to another.
//!
//! Full and incremental backups and every restore are this copy; they differ in the walk, in what is known of the
//! target, and in what is done with the sums of what is read. A piece always ends up as the source's bytes,
//! whatever the diff said about it, because what is written is what was read.

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use rbd::{Extent, Image, Layout};
use tokio::sync::OnceCell;

use crate::blocks::{Action, Target, runs};
use crate::change::Walk;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::mutation;
use crate::pipeline::{Part, Passed, Piece, Pipeline};
use crate::settle::settle;
use crate::sums::{Deltas, REGION, add, region_of, subtract};
use crate::table::Table;

/// What is known of the target before the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is a hole from end to end, or holds a part of what is copied and nothing else.
    Empty,
    /// Nothing.
    Nothing,
    /// Nothing, and it is worth reading it first so as to write only what differs.
    WorthReading,
}

/// What is done with the sums of what is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sums<'a> {
    /// They are not needed.
    Ignored,
    /// They are taken of an image that had none.
    Taken,
    /// What has become of them since the parent's restore point is taken.
    BroughtForward(&'a Before<'a>),
    /// They must be these.
    Expected(&'a Table),
    /// What is read must be what this snapshot of the volume holds or, where it is not, have these sums.
    Compared(&'a Image, Option<&'a Table>),
}

/// The parent's restore point, opened when its content is first needed.
#[derive(Debug)]
pub(crate) struct Before<'a> {
    pool: &'a rbd::Pool,
    name: &'a str,
    point: &'a str,
    /// Its size, bytes.
    size: u64,
    image: OnceCell<Image>,
}

impl<'a> Before<'a> {
    pub(crate) fn new(pool: &'a rbd::Pool, name: &'a str, point: &'a str, size: u64) -> Self {
        Self { pool, name, point, size, image: OnceCell::new() }
    }

    /// What it held in a range; nothing behind its end.
    async fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let len = len.min(self.size.saturating_sub(offset));
        if len == 0 {
            return Ok(Vec::new());
        }
        let open = async || match self.pool.open_read_only(self.name, Some(self.point)).await {
            Err(error) if error.is_not_found() => {
                Err(Error::SourceVanished { image: format!("{}/{}", self.pool.name(), self.name) })
            }
            opened => Ok(opened?),
        };
        Ok(self.image.get_or_try_init(open).await?.read(offset, length(len)).await?)
    }
}

/// A copy from one open image to another.
#[derive(Debug)]
pub(crate) struct Copy<'a> {
    pub(crate) from: &'a Image,
    pub(crate) to: &'a Image,
    pub(crate) known: Known,
    pub(crate) sums: Sums<'a>,
    /// What the journal calls this copy, if a later attempt may go on from the middle of it.
    pub(crate) what: Option<&'a str>,
    /// Which part of the operation it is.
    pub(crate) part: Part,
}

impl Copy<'_> {
    /// Copies what the walk finds, and flushes. What lies behind the source's end is zeroes.
    ///
    /// After an error nothing of the copy is in flight any more, but where [`Control::unsettled`] says so.
    ///
    /// # Errors
    /// Ceph failed, the operation was interrupted, or what was read is not what it must be.
    pub(crate) async fn run(&self, walk: Walk<'_>, control: &Control) -> Result<Passed> {
        let (source, target) = futures_util::try_join!(self.from.layout(), self.to.layout())?;
        let (expected, beside) = match self.sums {
            Sums::Expected(table) => (Some(table), 0),
            Sums::BroughtForward(_) | Sums::Compared(..) => (None, 1),
            Sums::Ignored | Sums::Taken => (None, 0),
        };
        let pipeline = Pipeline {
            name: self.from.path(),
            control,
            total: target.size,
            period: target.period(),
            weight: 1 + beside + u64::from(self.known == Known::WorthReading),
            expected,
            fail_fast: true,
            what: self.what,
            part: self.part,
        };
        let passed = Box::pin(pipeline.run(walk, |piece| self.piece(piece, source, target))).await;
        let flushed = settle(self.to, control).await;
        let passed = passed?;
        flushed?;
        Ok(passed)
    }

    /// Brings one piece over.
    async fn piece(&self, piece: Extent, source: Layout, target: Layout) -> Result<Piece> {
        let len = length(piece.len);
        let available = length(source.size.saturating_sub(piece.offset)).min(len);
        let read = async {
            if available == 0 {
                return Ok(Vec::with_capacity(len));
            }
            Ok(self.from.read(piece.offset, available).await?)
        };
        let held = async {
            match self.known {
                Known::WorthReading => Ok(Some(self.to.read(piece.offset, len).await?)),
                Known::Empty | Known::Nothing => Ok(None),
            }
        };
        let (mut data, held, beside) = futures_util::try_join!(read, held, self.beside(piece, target.size))?;
        data.resize(len, 0);
        debug_assert!(piece.end() <= target.size);
        let deltas = self.sum(piece, &data, &beside, source.size, target.size).await?;
        drop(beside);
        let actions = runs(
            piece.offset,
            &data,
            match (&held, self.known) {
                (Some(held), _) => Target::Holds(held),
                (None, Known::Empty) => Target::Empty,
                (None, _) => Target::Unknown,
            },
        );
        drop(held);
        let data = Bytes::from(data);
        let mut writes = FuturesUnordered::new();
        let mut written = 0;
        for (range, action) in actions {
            let data = &data;
            written += range.len() as u64;
            writes.push(async move {
                let at = piece.offset + range.start as u64;
                match action {
                    Action::Zero => mutation::write_zeroes(self.to, at, range.len() as u64).await,
                    Action::Write | Action::Keep => mutation::write(self.to, at, data.slice(range)).await,
                }
            });
        }
        while let Some(done) = writes.next().await {
            done?;
        }
        Ok(Piece { written, deltas })
    }

    /// What has to be known besides the piece to say what becomes of the sums.
    async fn beside(&self, piece: Extent, size: u64) -> Result<Vec<u8>> {
        match self.sums {
            Sums::BroughtForward(before) => {
                if whole_region(piece, size) {
                    return Ok(Vec::new());
                }
                // where the image was made smaller, what lay behind its end goes with the last piece
                let end = if piece.end() == size { piece.end().next_multiple_of(REGION) } else { piece.end() };
                before.read(piece.offset, end - piece.offset).await
            }
            Sums::Compared(marker, _) => {
                let size = marker.size().await?;
                let len = piece.len.min(size.saturating_sub(piece.offset));
                if len == 0 { Ok(Vec::new()) } else { Ok(marker.read(piece.offset, length(len)).await?) }
            }
            Sums::Ignored | Sums::Taken | Sums::Expected(_) => Ok(Vec::new()),
        }
    }

    /// What a piece does to the sums.
    async fn sum(&self, piece: Extent, data: &[u8], beside: &[u8], source: u64, target: u64) -> Result<Deltas> {
        let mut deltas = Deltas::new();
        match self.sums {
            Sums::Ignored => {}
            Sums::Taken | Sums::Expected(_) => add(&mut deltas, piece.offset, data),
            Sums::BroughtForward(_) => {
                add(&mut deltas, piece.offset, data);
                subtract(&mut deltas, piece.offset, beside);
                if whole_region(piece, target) {
                    deltas.entry(region_of(piece.offset)).or_default().whole = true;
                }
            }
            Sums::Compared(marker, table) => {
                let same = data.len() >= beside.len()
                    && data[..beside.len()] == *beside
                    && crate::blocks::is_zero(&data[beside.len()..]);
                if !same {
                    self.must_be_whole(piece, marker, table, source).await?;
                }
            }
        }
        Ok(deltas)
    }

    /// Makes sure that it is the volume's snapshot that has changed, and not the backup.
    async fn must_be_whole(&self, piece: Extent, marker: &Image, table: Option<&Table>, size: u64) -> Result<()> {
        let image = self.from.path().to_owned();
        let Some(table) = table else {
            return Err(Error::Differs { image, snapshot: marker.path().to_owned(), offset: piece.offset });
        };
        for region in region_of(piece.offset)..=region_of(piece.end() - 1) {
            let offset = region * REGION;
            let mut deltas = Deltas::new();
            let len = REGION.min(size.saturating_sub(offset));
            if len > 0 {
                add(&mut deltas, offset, &self.from.read(offset, length(len)).await?);
            }
            if deltas.remove(&region).unwrap_or_default().sum != table.sum(region) {
                return Err(Error::Damaged { image, offset, regions: 1 });
            }
        }
        tracing::warn!(marker = marker.path(), backup = %image, offset = piece.offset,
            "the volume's own snapshot differs from the backup, whose checksum is right");
        Ok(())
    }
}

/// Whether a piece is all that there is of its region.
fn whole_region(piece: Extent, size: u64) -> bool {
    piece.offset.is_multiple_of(REGION) && piece.len <= REGION && (piece.len == REGION || piece.end() == size)
}

fn length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
