//! The copy pipeline: extents in, the same bytes on the target out.
//!
//! ```text
//! walk (blocking thread, a stride ahead) ─► extents cut at the target's object borders
//!   ─► up to the budget's bytes in flight: read → look for zeroes → write | write_zeroes ─► flush
//! ```
//!
//! One pipeline serves full and incremental backups and every restore; they differ in the walk and in what
//! is known of the target. A piece always ends up as the source's bytes, whatever the diff said about it,
//! because what is written is what was read.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, pin_mut};
use rbd::{Extent, Image, Layout};
use tokio::sync::mpsc;

use crate::blocks::{Action, Target, runs};
use crate::change::Walk;
use crate::control::{Control, Interrupted, Progress};
use crate::error::{Error, Result};
use crate::extents::split;
use crate::mutation;

/// How many pieces of one copy may be in flight, besides the bound on their bytes: small pieces cost
/// requests, not memory.
const DEPTH: usize = 64;

/// What is known of the target before the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is a hole from end to end.
    Empty,
    /// Nothing.
    Nothing,
    /// Nothing, and it is worth reading it first so as to write only what differs.
    WorthReading,
}

/// A copy from one open image to another.
#[derive(Debug)]
pub(crate) struct Copy<'a> {
    pub(crate) from: &'a Image,
    pub(crate) to: &'a Image,
    pub(crate) known: Known,
}

/// What a copy did, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moved {
    /// In extents that were looked at.
    pub(crate) examined: u64,
    /// Written, holes made included.
    pub(crate) written: u64,
}

impl Copy<'_> {
    /// Copies what the walk finds, and flushes. What lies behind the source's end is zeroes.
    ///
    /// After an error nothing of the copy is in flight any more.
    ///
    /// # Errors
    /// Ceph failed, or the operation was interrupted.
    pub(crate) async fn run(&self, mut walk: Walk<'_>, control: &Control) -> Result<Moved> {
        let (source, target) = futures_util::try_join!(self.from.layout(), self.to.layout())?;
        let total = target.size;
        control.progress.send_replace(Progress { examined: 0, copied: 0, total });
        let examined = AtomicU64::new(0);
        let written = AtomicU64::new(0);

        // one stride is diffed while the one before is copied
        let (strides, mut found) = mpsc::channel::<(Vec<Extent>, u64)>(1);
        let produce = async move {
            while let Some(stride) = walk.next().await? {
                if strides.send(stride).await.is_err() {
                    break; // the consumer failed and says why
                }
            }
            Ok::<(), Error>(())
        };
        let consume = async {
            let mut in_flight = FuturesUnordered::new();
            let end = loop {
                let Some((extents, reached)) = drive(&mut in_flight, found.recv()).await? else { break Ok(()) };
                for piece in split(&extents, target.period(), total) {
                    control.check()?;
                    while in_flight.len() >= DEPTH {
                        if let Some(done) = in_flight.next().await {
                            done?;
                        }
                    }
                    let need = if self.known == Known::WorthReading { 2 * piece.len } else { piece.len };
                    let granted = drive(&mut in_flight, control.budget.take(need)).await?;
                    let (examined, written) = (&examined, &written);
                    in_flight.push(async move {
                        let moved = self.piece(piece, source, target).await?;
                        drop(granted);
                        examined.fetch_add(piece.len, Ordering::Relaxed);
                        written.fetch_add(moved, Ordering::Relaxed);
                        Ok::<(), Error>(())
                    });
                    let copied = written.load(Ordering::Relaxed);
                    control.progress.send_replace(Progress { examined: piece.offset, copied, total });
                }
                let copied = written.load(Ordering::Relaxed);
                control.progress.send_replace(Progress { examined: reached.min(total), copied, total });
            };
            while let Some(done) = in_flight.next().await {
                done?;
            }
            end
        };
        let cancelled = control.cancel.cancelled().map(|()| Err::<((), ()), Error>(Interrupted::Cancelled.into()));
        let work = futures_util::future::try_join(produce, consume);
        pin_mut!(work, cancelled);
        let outcome = futures_util::future::select(work, cancelled).await.factor_first().0;
        // writes that were submitted end in librbd's order: after a flush none is in flight
        let flushed = mutation::flush(self.to).await;
        outcome?;
        flushed?;
        let moved = Moved { examined: examined.load(Ordering::Relaxed), written: written.load(Ordering::Relaxed) };
        control.progress.send_replace(Progress { examined: total, copied: moved.written, total });
        Ok(moved)
    }

    /// Brings one piece over; says how many bytes of the target were written.
    async fn piece(&self, piece: Extent, source: Layout, target: Layout) -> Result<u64> {
        let len = usize::try_from(piece.len).unwrap_or(usize::MAX);
        let available = usize::try_from(source.size.saturating_sub(piece.offset)).unwrap_or(usize::MAX).min(len);
        let read = async {
            if available == 0 {
                return Ok(Vec::with_capacity(len));
            }
            self.from.read(piece.offset, available).await
        };
        let held = async {
            if self.known == Known::WorthReading { self.to.read(piece.offset, len).await.map(Some) } else { Ok(None) }
        };
        let (mut data, held) = futures_util::try_join!(read, held)?;
        data.resize(len, 0);
        debug_assert!(piece.end() <= target.size);
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
        Ok(written)
    }
}

/// Waits for `future` while the operations in flight go on; the first that fails ends the wait.
async fn drive<T, F>(in_flight: &mut FuturesUnordered<F>, future: impl Future<Output = T>) -> Result<T>
where
    F: Future<Output = Result<()>>,
{
    pin_mut!(future);
    loop {
        if in_flight.is_empty() {
            return Ok(future.await);
        }
        tokio::select! {
            biased;
            done = in_flight.next() => {
                if let Some(done) = done {
                    done?;
                }
            }
            value = &mut future => return Ok(value),
        }
    }
}
