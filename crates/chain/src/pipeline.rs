//! The pieces of an image, one after the other, many at once.
//!
//! ```text
//! walk (blocking thread, a stride ahead) ─► extents cut at object borders ─► up to the budget's bytes in flight
//!   ─► ledger: how far all is finished ─► journal
//! ```

use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, pin_mut};
use rbd::Extent;
use tokio::sync::{mpsc, watch};

use crate::change::Walk;
use crate::control::{Control, Interrupted, Progress};
use crate::error::{Error, Result};
use crate::extents::split;
use crate::journal::Finished;
use crate::ledger::{Ledger, known};
use crate::sums::{Deltas, REGION};
use crate::table::Table;

/// How many pieces of one copy may be in flight, besides the bound on their bytes: small pieces cost
/// requests, not memory.
const DEPTH: usize = 64;

/// A part that is finished is recorded when it has come so far since the last record, bytes, …
const RECORD_AFTER: u64 = 64 << 20;

/// … or when the last record is so long ago and there is anything to record.
const RECORD_EVERY: Duration = Duration::from_secs(1);

/// What to go through.
pub(crate) struct Pipeline<'a> {
    /// Whose data the expected sums are of, for messages.
    pub(crate) name: &'a str,
    /// How it is watched and stopped.
    pub(crate) control: &'a Control,
    /// Where it ends, bytes.
    pub(crate) total: u64,
    /// No piece crosses a multiple of this, bytes.
    pub(crate) period: u64,
    /// How many bytes of memory a byte of a piece takes.
    pub(crate) weight: u64,
    /// What the regions' sums must be.
    pub(crate) expected: Option<&'a Table>,
    /// Whether it ends with the first region whose sum is another.
    pub(crate) fail_fast: bool,
    /// What the journal calls this; `None` when a later attempt could not go on from the middle.
    pub(crate) what: Option<&'a str>,
    /// Which part of the operation it is.
    pub(crate) part: Part,
}

/// Where one pass stands in an operation that makes several.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Part {
    /// What the passes before have done.
    pub(crate) before: Progress,
    /// How much the passes that follow will look at, bytes.
    pub(crate) after: u64,
}

impl Part {
    /// The operation's progress, when this pass has come so far.
    fn progress(self, examined: u64, copied: u64, total: u64) -> Progress {
        Progress {
            examined: self.before.examined + examined,
            copied: self.before.copied + copied,
            total: self.before.total + total + self.after,
        }
    }
}

/// What came of one piece.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// How much was written, bytes.
    pub(crate) written: u64,
    /// What was seen.
    pub(crate) deltas: Deltas,
}

/// What came of all.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// In extents that were looked at, bytes.
    pub(crate) examined: u64,
    /// Written, holes made included, bytes.
    pub(crate) written: u64,
    /// The sums of what was seen.
    pub(crate) deltas: Deltas,
    /// The regions whose sums differ from what was expected, in order.
    pub(crate) damaged: Vec<u64>,
}

impl Pipeline<'_> {
    /// Calls `piece` for every piece that the walk finds.
    ///
    /// After an error the operations of some pieces may still be under way in librbd.
    ///
    /// # Errors
    /// A piece failed, Ceph failed, the operation was interrupted, or, with `fail_fast`, a region differs.
    pub(crate) async fn run<F>(&self, mut walk: Walk<'_>, piece: impl Fn(Extent) -> F) -> Result<Passed>
    where
        F: Future<Output = Result<Piece>>,
    {
        let grain = walk.grain(REGION);
        let earlier = self.what.and_then(|what| self.control.journal.of(what));
        let earlier = earlier.filter(|earlier| earlier.up_to.is_multiple_of(grain) && earlier.up_to <= self.total);
        let start = earlier.map_or(0, |earlier| earlier.up_to);
        if start > 0 {
            walk.skip_to(start);
            tracing::info!(start, total = self.total, "the copy goes on where an earlier attempt was interrupted");
        }
        let sums = earlier.map(|earlier| known(&earlier.sums)).unwrap_or_default();
        let ledger = Mutex::new(Ledger::new(self.total, grain, start, sums, self.expected));
        let ledger = &ledger;
        let (settled, mut seen) = watch::channel(start);
        let (examined, written) = (AtomicU64::new(0), AtomicU64::new(0));
        let publish = |examined: u64| {
            let copied = written.load(Ordering::Relaxed);
            self.control.progress.send_replace(self.part.progress(examined, copied, self.total));
        };
        publish(start);

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
                for extent in split(&extents, self.period, self.total) {
                    self.control.check()?;
                    while in_flight.len() >= DEPTH {
                        if let Some(done) = in_flight.next().await {
                            done?;
                        }
                    }
                    let granted = drive(&mut in_flight, self.control.budget.take(self.weight * extent.len)).await?;
                    locked(ledger).begin(extent);
                    let (work, examined, written, settled) = (piece(extent), &examined, &written, &settled);
                    in_flight.push(async move {
                        let done = work.await?;
                        drop(granted);
                        examined.fetch_add(extent.len, Ordering::Relaxed);
                        written.fetch_add(done.written, Ordering::Relaxed);
                        self.enter(ledger, settled, |ledger| ledger.end(extent, done.deltas))
                    });
                    publish(extent.offset);
                }
                self.enter(ledger, &settled, |ledger| ledger.reach(reached))?;
                publish(reached.min(self.total));
            };
            while let Some(done) = in_flight.next().await {
                done?;
            }
            end
        };
        let record = async {
            let Some(what) = self.what else { return std::future::pending().await };
            let mut recorded = start;
            loop {
                let enough = |to: &u64| *to >= recorded + RECORD_AFTER;
                let _ = tokio::time::timeout(RECORD_EVERY, seen.wait_for(enough)).await;
                let entry = {
                    let ledger = locked(ledger);
                    Finished { what: what.to_owned(), up_to: ledger.settled(), sums: ledger.sums_since(recorded) }
                };
                let up_to = entry.up_to;
                if up_to <= recorded || up_to == self.total {
                    tokio::time::sleep(RECORD_EVERY).await; // nothing new, or the end, which is recorded otherwise
                } else if (self.control.journal.write)(entry).await? {
                    recorded = up_to;
                } else {
                    tokio::time::sleep(RECORD_EVERY).await;
                }
            }
        };
        let cancelled = self.control.cancel.cancelled().map(|()| Err::<((), ()), Error>(Interrupted::Cancelled.into()));
        let work = futures_util::future::try_join(produce, consume);
        pin_mut!(work, record, cancelled);
        let stopped = futures_util::future::select(record, cancelled).map(|first| first.factor_first().0);
        futures_util::future::select(work, stopped).await.factor_first().0?;

        let ledger = std::mem::replace(&mut *locked(ledger), Ledger::new(0, REGION, 0, Deltas::new(), None));
        let (deltas, damaged) = ledger.close();
        if let (Some(first), true) = (damaged.first(), self.fail_fast) {
            return Err(self.damage(*first, damaged.len()));
        }
        let (examined, written) = (examined.load(Ordering::Relaxed), written.load(Ordering::Relaxed));
        self.control.progress.send_replace(self.part.progress(self.total, written, self.total));
        Ok(Passed { examined, written, deltas, damaged })
    }
}

impl Pipeline<'_> {
    /// Enters something into the ledger, and tells how far all is finished.
    fn enter<'l>(
        &self,
        ledger: &Mutex<Ledger<'l>>,
        settled: &watch::Sender<u64>,
        what: impl FnOnce(&mut Ledger<'l>),
    ) -> Result<()> {
        let mut ledger = locked(ledger);
        what(&mut ledger);
        let to = ledger.settled();
        settled.send_if_modified(|known| std::mem::replace(known, to) != to);
        match ledger.damaged().first() {
            Some(region) if self.fail_fast => Err(self.damage(*region, ledger.damaged().len())),
            _ => Ok(()),
        }
    }

    fn damage(&self, first: u64, count: usize) -> Error {
        Error::Damaged { image: self.name.to_owned(), offset: first * REGION, regions: count }
    }
}

/// A panic while it was locked can not leave a ledger half-changed in a way that matters: the copy has failed.
fn locked<'g, 'l>(ledger: &'g Mutex<Ledger<'l>>) -> std::sync::MutexGuard<'g, Ledger<'l>> {
    ledger.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
