//! Claiming jobs and running them.

use std::sync::Arc;

use catalog::Catalog;
use catalog::jobs::{Job, Lane};
use chain::Budget;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ceph::PoolOptions;
use crate::incarnation::{Incarnation, Incarnations};
use crate::jobs::{self, Scene};
use crate::lease::{Held, Stop};
use crate::{JobError, Settings, fence, scrub, services};

/// How long to wait before listening again after the database went away.
const LISTEN_AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

/// A worker of this process.
#[derive(Debug, Clone)]
pub struct Worker {
    catalog: Catalog,
    incarnations: Arc<Incarnations>,
    settings: Arc<Settings>,
    budget: Budget,
    wake: Arc<[Notify; 4]>,
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
        let incarnations = Incarnations::begin(catalog.clone(), settings.host.clone(), volumes, backups).await?;
        Ok(Self {
            catalog,
            incarnations: Arc::new(incarnations),
            budget: Budget::new(settings.memory),
            settings: Arc::new(settings),
            wake: Arc::default(),
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
        let (worker, listening) = (self.clone(), shutdown.clone());
        lanes.spawn(async move { worker.listen(listening).await });
        if let Some(every) = self.settings.scrub_every {
            let (catalog, stop) = (self.catalog.clone(), shutdown.clone());
            lanes.spawn(async move { scrub::run(&catalog, every, stop).await });
        }
        let beating = TaskTracker::new();
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
            running.wait().await;
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

    /// Wakes the lanes when the database announces something.
    async fn listen(&self, shutdown: CancellationToken) {
        let announcements = async {
            loop {
                match self.catalog.job_listener().await {
                    Ok(mut listener) => {
                        self.wake();
                        while listener.wait().await.is_ok() {
                            self.wake();
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
            () = shutdown.cancelled() => {}
            () = announcements => {}
        }
    }

    fn wake(&self) {
        for lane in self.wake.iter() {
            lane.notify_one();
        }
    }

    async fn claim(&self, us: Arc<Incarnation>, lane: Lane) -> Result<Option<(Arc<Incarnation>, Job)>, JobError> {
        let job = self.catalog.claim_job(&us.name, &self.settings.host, lane, self.settings.lease).await?;
        Ok(job.map(|job| (us, job)))
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
        let held = Held::new(job, self.catalog.clone(), self.settings.lease);
        let work = async {
            match fence::predecessors(&us, &held).await {
                Ok(()) => jobs::run(&scene, &held).await,
                Err(error) => jobs::not_begun(&scene, &held, &error).await,
            }
        };
        drive(work, &held, stop_jobs).await;
        if held.why() == Some(Stop::LeaseLost) {
            us.ceph.give_up(); // whoever has the job by now may have fenced them
        }
        // the last one to go ends the connections, and waits for Ceph
        let ended = tokio::task::spawn_blocking(move || drop((scene, us))).await;
        debug_assert!(ended.is_ok(), "nothing panics there");
    }
}

/// Keeps a job's lease while it is worked on, and tells it to stop when the worker must.
async fn drive(work: impl Future<Output = ()>, held: &Held, stop_jobs: CancellationToken) {
    tokio::pin!(work);
    let keep = held.keep();
    tokio::pin!(keep);
    let mut keeping = true;
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            () = &mut work => return,
            () = stop_jobs.cancelled(), if !stopping => {
                stopping = true;
                held.stop(Stop::Shutdown);
            }
            () = &mut keep, if keeping => keeping = false,
        }
    }
}
