//! Holding a job: its lease is renewed, its progress recorded, and whoever asks for its end is heard.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use catalog::Catalog;
use catalog::jobs::Job;
use catalog::journal::Entry;
use chain::{Budget, Control, Finished, Interrupted, Journal, JournalWriter, Progress, Prover, Step};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often progress is written to the job's row, at most.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// After how long without progress that is told.
const STANDSTILL: Duration = Duration::from_secs(10);

/// How long one attempt at a record may take: a database that was cut off does not even refuse.
const RECORD_WITHIN: Duration = Duration::from_secs(20);

/// Why a job had to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody asked for it to be cancelled.
    Cancelled,
    /// It is no longer ours.
    LeaseLost,
    /// The worker shuts down.
    Shutdown,
}

/// What stops a job.
#[derive(Debug, Clone, Default)]
struct Brake {
    /// Cancelled when the job must stop, for whatever reason.
    stop: CancellationToken,
    /// Cancelled when the job is no longer ours: then not even cleaning up may go on.
    lost: CancellationToken,
    why: Arc<Mutex<Option<Stop>>>,
}

impl Brake {
    /// Stops the job. The first reason counts.
    fn pull(&self, why: Stop) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        if why == Stop::LeaseLost {
            self.lost.cancel();
        }
        self.stop.cancel();
    }
}

/// A job that this worker holds, while it runs.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) job: Job,
    pub(crate) catalog: Catalog,
    brake: Brake,
    progress: watch::Sender<Progress>,
    /// The last step that was begun.
    step: watch::Sender<Option<Step>>,
    lease: Duration,
    /// Cancelled when writes for the job may be in flight for good.
    unsettled: CancellationToken,
    /// Whether an operation was begun: one that is tried again goes on where it was, as in a later attempt.
    begun: AtomicBool,
}

impl Held {
    pub(crate) fn new(job: Job, catalog: Catalog, lease: Duration) -> Self {
        let cancelled = job.cancel;
        let held = Self {
            job,
            catalog,
            brake: Brake::default(),
            progress: watch::Sender::default(),
            step: watch::Sender::default(),
            lease,
            unsettled: CancellationToken::new(),
            begun: AtomicBool::new(false),
        };
        if cancelled {
            held.stop(Stop::Cancelled);
        }
        held
    }

    /// Stops the job. The first reason counts.
    pub(crate) fn stop(&self, why: Stop) {
        self.brake.pull(why);
    }

    /// Why the job must stop, if it must.
    pub(crate) fn why(&self) -> Option<Stop> {
        *self.brake.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the job is another worker's by now, or is left to one, whatever stopped it first.
    pub(crate) fn is_lost(&self) -> bool {
        self.brake.lost.is_cancelled()
    }

    /// Cancelled when the job must stop, for whatever reason.
    pub(crate) fn told_to_stop(&self) -> CancellationToken {
        self.brake.stop.clone()
    }

    /// Waits, perhaps for ever, until writes for the job may be in flight for good.
    pub(crate) async fn unsettled(&self) {
        self.unsettled.cancelled().await;
    }

    /// Leaves the job to whoever claims it when its lease has run out, and fences this worker's connections then.
    pub(crate) fn abandon(&self) {
        *self.brake.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stop::LeaseLost);
        self.brake.pull(Stop::LeaseLost);
        tracing::error!(job.id = %self.job.id,
            "the job is left to whoever claims it when its lease has run out, because its writes can not be waited for");
    }

    /// What an operation of `chain` is given. A copy goes on from what earlier attempts have finished.
    ///
    /// # Errors
    /// That could not be read.
    pub(crate) async fn control(&self, budget: &Budget) -> catalog::Result<Control> {
        let (catalog, job) = (self.catalog.clone(), self.job.clone());
        let again = self.begun.swap(true, Ordering::Relaxed) || job.attempt > 1;
        let earlier = if again { catalog.finished(&job).await? } else { Vec::new() };
        let entries = earlier.into_iter().map(|Entry { what, up_to, sums }| Finished { what, up_to, sums });
        let journal = Journal { earlier: Finished::join(entries), write: self.journal_writer() };
        let (brake, begun) = (self.brake.clone(), self.step.clone());
        Ok(Control {
            cancel: self.told_to_stop(),
            progress: self.progress.clone(),
            budget: budget.clone(),
            prover: self.prover(),
            again,
            journal,
            unsettled: self.unsettled.clone(),
            recorder: Box::new(move |step| {
                let (catalog, job, brake) = (catalog.clone(), job.clone(), brake.clone());
                begun.send_replace(Some(step));
                Box::pin(async move {
                    match catalog.record_step(&job, step.name()).await {
                        Ok(false) => Ok(()),
                        Ok(true) => {
                            // asked for before this worker could hear of it
                            brake.pull(Stop::Cancelled);
                            Err(Interrupted::Cancelled)
                        }
                        Err(catalog::Error::Stale { .. }) => Err(Interrupted::LeaseLost),
                        Err(error) => {
                            // the lease decides whether the job may go on; the step is only for the reader
                            tracing::warn!(job.id = %job.id, %step, error = &error as &dyn std::error::Error,
                                "the job's step could not be recorded");
                            Ok(())
                        }
                    }
                })
            }),
        })
    }

    /// Records what of a copy is finished. What can not be recorded now becomes part of the next record.
    fn journal_writer(&self) -> JournalWriter {
        let (catalog, job) = (self.catalog.clone(), self.job.clone());
        Box::new(move |Finished { what, up_to, sums }| {
            let (catalog, job) = (catalog.clone(), job.clone());
            Box::pin(async move {
                match catalog.record_finished(&job, &Entry { what, up_to, sums }).await {
                    Ok(()) => Ok(true),
                    Err(catalog::Error::Stale { .. }) => Err(Interrupted::LeaseLost),
                    Err(error) => {
                        tracing::debug!(job.id = %job.id, error = &error as &dyn std::error::Error,
                            "what is finished could not be recorded");
                        Ok(false)
                    }
                }
            })
        })
    }

    /// What an operation that cleans up is given: only the loss of the lease stops it. It removes things, so a
    /// step that can not be recorded is not taken: the job may be another worker's by now.
    pub(crate) fn clean_up_control(&self, budget: &Budget) -> Control {
        let (catalog, job) = (self.catalog.clone(), self.job.clone());
        Control {
            cancel: self.brake.lost.clone(),
            progress: watch::Sender::default(),
            budget: budget.clone(),
            prover: self.prover(),
            again: true,
            journal: Journal::none(),
            unsettled: self.unsettled.clone(),
            recorder: Box::new(move |step| {
                let (catalog, job) = (catalog.clone(), job.clone());
                Box::pin(async move {
                    catalog.record_step(&job, step.name()).await.map(drop).map_err(|error| {
                        tracing::warn!(job.id = %job.id, %step, error = &error as &dyn std::error::Error,
                            "cleaning up stops: the step could not be recorded");
                        Interrupted::LeaseLost
                    })
                })
            }),
        }
    }

    /// Renews the lease, which proves that the job is held and keeps it so for a while.
    ///
    /// # Errors
    /// The job is another worker's by now, or that could not be found out in time.
    pub(crate) async fn prove(&self) -> Result<(), Interrupted> {
        (self.prover())().await
    }

    fn prover(&self) -> Prover {
        let (catalog, job, lease) = (self.catalog.clone(), self.job.clone(), self.lease);
        Box::new(move || {
            let (catalog, job) = (catalog.clone(), job.clone());
            Box::pin(async move {
                match tokio::time::timeout(lease / 6, catalog.renew_job(&job, lease)).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) => {
                        tracing::warn!(job.id = %job.id, error = &error as &dyn std::error::Error,
                            "it can not be shown that the job is still held");
                        Err(Interrupted::LeaseLost)
                    }
                    Err(_) => {
                        tracing::warn!(job.id = %job.id, "no answer in time to whether the job is still held");
                        Err(Interrupted::LeaseLost)
                    }
                }
            })
        })
    }

    /// Keeps the lease and records progress, for as long as this is polled and the job is ours. Neither waits
    /// for the other: a record that hangs must not hide that the lease runs out.
    pub(crate) async fn keep(&self) {
        tokio::select! {
            () = self.renew() => {}
            () = self.record_progress() => {}
            () = self.tell_of_standstill() => {}
        }
    }

    /// Renews the lease; returns when it is lost.
    ///
    /// A database that is away takes nothing away: while it can not be reached nobody can claim the job, and whoever
    /// claims it before this worker reaches it again fences this worker before anything else.
    async fn renew(&self) {
        let mut ticks = tokio::time::interval(self.lease / 3);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await; // the first comes at once, and the claim has just given the lease
        loop {
            ticks.tick().await;
            let answer = tokio::time::timeout(self.lease / 6, self.catalog.renew_job(&self.job, self.lease)).await;
            match answer {
                Ok(Ok(true)) => self.stop(Stop::Cancelled),
                Ok(Ok(false)) => {}
                Ok(Err(catalog::Error::Stale { .. })) => return self.stop(Stop::LeaseLost),
                Ok(Err(error)) => tracing::warn!(job.id = %self.job.id, error = &error as &dyn std::error::Error,
                    "the job's lease could not be renewed"),
                Err(_) => tracing::warn!(job.id = %self.job.id, "the lease is not renewed: no answer in time"),
            }
        }
    }

    /// Tells when the job does not come on for long, and when it does again, for ever.
    async fn tell_of_standstill(&self) {
        let (mut progress, mut step) = (self.progress.subscribe(), self.step.subscribe());
        let mut came_on = Instant::now();
        let mut told = false;
        loop {
            let moved = async {
                tokio::select! {
                    _ = progress.changed() => {}
                    _ = step.changed() => {}
                }
            };
            let moved = tokio::time::timeout(STANDSTILL, moved).await.is_ok();
            let (step, seconds) = (step.borrow().map(Step::name), came_on.elapsed().as_secs());
            if moved {
                if told {
                    tracing::warn!(job.id = %self.job.id, step, seconds, "the job comes on again");
                }
                (came_on, told) = (Instant::now(), false);
            } else if !told {
                tracing::warn!(job.id = %self.job.id, step, seconds,
                    "the job does not come on: Ceph is slow or does not answer, or somebody holds an image; it waits");
                told = true;
            }
        }
    }

    /// Writes progress to the job's row, for ever.
    async fn record_progress(&self) {
        let mut progress = self.progress.subscribe();
        while progress.changed().await.is_ok() {
            let seen = *progress.borrow_and_update();
            self.write_progress(seen).await;
            tokio::time::sleep(PROGRESS_EVERY).await;
        }
    }

    async fn write_progress(&self, Progress { examined, copied, total }: Progress) {
        if let Err(error) = self.catalog.record_progress(&self.job, examined, copied, total).await {
            tracing::debug!(job.id = %self.job.id, error = &error as &dyn std::error::Error,
                "the job's progress could not be recorded");
        }
    }

    /// Records something that must be recorded, for as long as it takes: the database may be away, and what
    /// was done on Ceph must not be lost for that.
    ///
    /// # Errors
    /// The job is no longer ours, or the record can not be written at all.
    pub(crate) async fn persist<T, F>(&self, record: impl Fn() -> F) -> catalog::Result<T>
    where
        F: Future<Output = catalog::Result<T>>,
    {
        let seen = *self.progress.borrow();
        if seen != Progress::default() {
            // how far it came in the end, which the row of a job that has ended still says; no more than that
            let _ = tokio::time::timeout(PROGRESS_EVERY, self.write_progress(seen)).await;
        }
        let mut pause = Duration::from_millis(200);
        loop {
            // a record that was made though its answer was lost is found to be so
            let recorded = match tokio::time::timeout(RECORD_WITHIN, record()).await {
                Ok(recorded) => recorded,
                Err(_) => Err(catalog::Error::no_answer()),
            };
            match recorded {
                Err(error) if error.is_transient() && self.why() != Some(Stop::LeaseLost) => {
                    tracing::warn!(job.id = %self.job.id, error = &error as &dyn std::error::Error,
                        "the job's outcome could not be recorded; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                other => return other,
            }
        }
    }
}
