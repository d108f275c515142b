//! Claiming jobs and running them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use catalog::jobs::{Announced, Job, Lane};
use catalog::{Catalog, JobId};
use chain::Budget;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ceph::PoolOptions;
use crate::incarnation::{Incarnation, Incarnations};
use crate::jobs::{self, Scene};
use crate::lease::{Held, Stop};
use crate::{JobError, Settings, fence, reconcile, scrub, services};

/// How long to wait before listening again after the database went away.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// How long jobs that were told to stop are waited for: one that waits for Ceph does not stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A worker of this process.
#[derive(Debug, Clone)]
pub struct Worker {
    catalog: Catalog,
    incarnations: Arc<Incarnations>,
    settings: Arc<Settings>,
    budget: Budget,
    wake: Arc<[Notify; 4]>,
    held: Arc<Mutex<HashMap<JobId, Arc<Held>>>>,
    /// Until when no job is taken over.
    patient_until: Arc<Mutex<Instant>>,
}

impl Worker {
    /// A worker over a catalogue and the two sides of Ceph. Connects to Ceph, and registers the connections.
    ///
    /// # Errors
    /// Ceph can not be used, or the catalogue failed.
    pub async fn connect(
        catalog: Catalog,
        volumes: PoolOptions,
        backups: PoolOptions,
        settings: Settings,
    ) -> Result<Self, JobError> {
        // those who held jobs when the server ended may not have found it again yet
        let patience = settings.lease.saturating_sub(catalog.server_age().await?);
        let incarnations = Incarnations::begin(catalog.clone(), settings.host.clone(), volumes, backups).await?;
        Ok(Self {
            catalog,
            incarnations: Arc::new(incarnations),
            budget: Budget::new(settings.memory),
            settings: Arc::new(settings),
            wake: Arc::default(),
            held: Arc::default(),
            patient_until: Arc::new(Mutex::new(Instant::now() + patience)),
        })
    }

    /// Works until `shutdown`, then lets running jobs go on for the drain time, and hands the rest back to
    /// the queue.
    pub async fn run(&self, shutdown: CancellationToken) {
        tracing::info!(worker = %self.incarnations.latest().name, "worker started");
        let running = TaskTracker::new();
        let stop_jobs = CancellationToken::new();
        let heartbeats = CancellationToken::new();
        let lanes = TaskTracker::new();
        let limits = [
            (Lane::Copy, self.settings.copies),
            (Lane::Light, self.settings.light_jobs),
            // what only reads, and takes long
            (Lane::Verify, 1),
            (Lane::Scrub, 1),
        ];
        for (index, (lane, limit)) in limits.into_iter().enumerate() {
            let (worker, running) = (self.clone(), running.clone());
            let (shutdown, stop_jobs) = (shutdown.clone(), stop_jobs.clone());
            lanes.spawn(async move { worker.lane(index, lane, limit, running, shutdown, stop_jobs).await });
        }
        if let Some(every) = self.settings.scrub_every {
            let (catalog, stop) = (self.catalog.clone(), shutdown.clone());
            lanes.spawn(async move { scrub::run(&catalog, every, stop).await });
        }
        let beating = TaskTracker::new();
        if let Some(every) = self.settings.reconcile_every {
            let (worker, stop, give_up) = (self.clone(), shutdown.clone(), stop_jobs.clone());
            running.spawn(async move {
                let compare =
                    reconcile::now_and_then(&worker.catalog, &worker.incarnations, &worker.settings, every, stop);
                tokio::select! {
                    () = give_up.cancelled() => {}
                    () = compare => {}
                }
            });
        }
        // to the end: a job that is given time to end can be cancelled meanwhile
        let (worker, stop_listening) = (self.clone(), heartbeats.clone());
        beating.spawn(async move { worker.listen(stop_listening).await });
        let (worker, stop_beating) = (self.clone(), heartbeats.clone());
        beating.spawn(async move {
            services::beat(&worker.catalog, &worker.incarnations, &worker.settings, stop_beating).await;
        });

        lanes.close();
        lanes.wait().await;
        running.close();
        tracing::info!(worker = %self.incarnations.latest().name, jobs = running.len(), "worker draining");
        if tokio::time::timeout(self.settings.drain, running.wait()).await.is_err() {
            stop_jobs.cancel();
            if tokio::time::timeout(STOP_WITHIN, running.wait()).await.is_err() {
                let jobs = running.len();
                tracing::warn!(
                    jobs,
                    "jobs that wait for Ceph are left: others take them over when their leases run out"
                );
            }
        }
        heartbeats.cancel();
        beating.close();
        beating.wait().await;
        tracing::info!(worker = %self.incarnations.latest().name, "worker stopped");
    }

    /// Claims the jobs of one lane.
    async fn lane(
        &self,
        index: usize,
        lane: Lane,
        limit: usize,
        running: TaskTracker,
        shutdown: CancellationToken,
        stop_jobs: CancellationToken,
    ) {
        let slots = Arc::new(Semaphore::new(limit));
        loop {
            let slot = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                slot = slots.clone().acquire_owned() => slot,
            };
            let Ok(slot) = slot else { return };
            let us = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                us = self.incarnations.current() => us,
            };
            let claimed = match us {
                Ok(us) => self.claim(us, lane).await, // never given up half-way: a job would be claimed that nobody does
                Err(error) => Err(error),
            };
            match claimed {
                Ok(Some((us, job))) => {
                    let (worker, stop_jobs) = (self.clone(), stop_jobs.clone());
                    running.spawn(async move {
                        Box::pin(worker.run_job(us, job, stop_jobs)).await;
                        drop(slot);
                    });
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "no job could be claimed"),
            }
            drop(slot);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wake[index].notified() => {}
                // a job may become claimable by time alone: a lease that runs out, a retry that is due
                () = tokio::time::sleep(self.settings.poll) => {}
            }
        }
    }

    /// Wakes the lanes, and stops jobs, when the database announces something.
    async fn listen(&self, stop: CancellationToken) {
        let announcements = async {
            loop {
                match self.catalog.job_listener().await {
                    Ok(mut listener) => {
                        let mut heard = Ok(Announced::Anything);
                        while let Ok(announced) = heard {
                            if announced != Announced::Cancel {
                                self.wake();
                            }
                            if announced != Announced::Job {
                                self.stop_cancelled().await;
                            }
                            heard = listener.wait().await;
                            if !matches!(heard, Ok(Announced::Job | Announced::Cancel)) {
                                self.database_was_away();
                            }
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "not listening for jobs");
                    }
                }
                tokio::time::sleep(LISTEN_AGAIN).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = announcements => {}
        }
    }

    /// Stops those of our jobs that somebody asked to be cancelled. One that is not seen here is seen at its next step,
    /// or when its lease is renewed.
    async fn stop_cancelled(&self) {
        let ours: Vec<JobId> = self.held().keys().copied().collect();
        if ours.is_empty() {
            return;
        }
        match self.catalog.cancelled_jobs(&ours).await {
            Ok(cancelled) => {
                for held in cancelled.iter().filter_map(|id| self.held().get(id).cloned()) {
                    tracing::info!(job.id = %held.job.id, "the job is cancelled");
                    held.stop(Stop::Cancelled);
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "what is cancelled could not be looked up");
            }
        }
    }

    /// The jobs that run here.
    fn held(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        for lane in self.wake.iter() {
            lane.notify_one();
        }
    }

    async fn claim(&self, us: Arc<Incarnation>, lane: Lane) -> Result<Option<(Arc<Incarnation>, Job)>, JobError> {
        let (host, lease) = (&self.settings.host, self.settings.lease);
        let job = if Instant::now() < *self.patient_until() {
            self.catalog.claim_ready_job(&us.name, host, lane, lease).await
        } else {
            self.catalog.claim_job(&us.name, host, lane, lease).await
        };
        match job {
            Ok(job) => Ok(job.map(|job| (us, job))),
            Err(error) => {
                self.database_was_away();
                Err(error.into())
            }
        }
    }

    /// Takes nothing over for one lease: until then whoever holds a job and lives has renewed it.
    fn database_was_away(&self) {
        *self.patient_until() = Instant::now() + self.settings.lease;
    }

    fn patient_until(&self) -> MutexGuard<'_, Instant> {
        self.patient_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one job to its end, or until it must stop.
    #[tracing::instrument(name = "job", skip_all, fields(job.id = %job.id, job.kind = job.spec.kind(), job.attempt = job.attempt))]
    async fn run_job(&self, us: Arc<Incarnation>, job: Job, stop_jobs: CancellationToken) {
        let scene = Scene {
            catalog: self.catalog.clone(),
            ceph: us.ceph.clone(),
            settings: self.settings.clone(),
            budget: self.budget.clone(),
        };
        let held = Arc::new(Held::new(job, self.catalog.clone(), self.settings.lease));
        self.held().insert(held.job.id, held.clone());
        let work = async {
            match fence::predecessors(&us, &held).await {
                Ok(()) => jobs::run(&scene, &held).await,
                Err(error) => jobs::not_begun(&scene, &held, &error).await,
            }
        };
        Box::pin(drive(work, &held, stop_jobs)).await;
        // the same job may have been lost and claimed again meanwhile: only this attempt has ended
        self.held().retain(|_, other| !Arc::ptr_eq(other, &held));
        if held.is_lost() {
            us.ceph.give_up(); // whoever has the job by now may have fenced them
        }
        // the last one to go ends the connections, and waits for Ceph
        let ended = tokio::task::spawn_blocking(move || drop((scene, us))).await;
        debug_assert!(ended.is_ok(), "nothing panics there");
    }
}

/// Keeps a job's lease while it is worked on, and tells it to stop when the worker must.
pub(crate) async fn drive(work: impl Future<Output = ()>, held: &Held, stop_jobs: CancellationToken) {
    tokio::pin!(work);
    let mut keep = Box::pin(held.keep());
    let mut keeping = true;
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            () = &mut work => return,
            () = held.unsettled() => return held.abandon(),
            () = stop_jobs.cancelled(), if !stopping => {
                stopping = true;
                held.stop(Stop::Shutdown);
            }
            () = &mut keep, if keeping => keeping = false,
        }
    }
}
