//! Claiming jobs and running them.

use std::sync::Arc;

use catalog::Catalog;
use catalog::jobs::{Job, Lane};
use chain::Budget;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::Settings;
use crate::ceph::Ceph;
use crate::jobs::{self, Scene};
use crate::lease::{Held, Stop};
use crate::services;

/// How long to wait before listening again after the database went away.
const LISTEN_AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

/// A worker of this process.
#[derive(Debug, Clone)]
pub struct Worker {
    scene: Arc<Scene>,
    name: Arc<str>,
    wake: Arc<[Notify; 2]>,
}

impl Worker {
    /// A worker over a catalogue and the two sides of Ceph.
    pub fn new(catalog: Catalog, ceph: Ceph, settings: Settings) -> Self {
        // unique over restarts, so that a lease is never taken for our own
        let name = format!("{}:{}:{}", settings.host, std::process::id(), Uuid::new_v4().simple());
        let budget = Budget::new(settings.memory);
        Self {
            scene: Arc::new(Scene { catalog, ceph, settings, budget }),
            name: name.into(),
            wake: Arc::new([Notify::new(), Notify::new()]),
        }
    }

    /// Works until `shutdown`, then lets running jobs go on for the drain time, and hands the rest back to
    /// the queue.
    pub async fn run(&self, shutdown: CancellationToken) {
        tracing::info!(worker = %self.name, "worker started");
        let running = TaskTracker::new();
        let stop_jobs = CancellationToken::new();
        let heartbeats = CancellationToken::new();
        let lanes = TaskTracker::new();
        for (index, lane, limit) in
            [(0, Lane::Copy, self.scene.settings.copies), (1, Lane::Light, self.scene.settings.light_jobs)]
        {
            let (worker, running) = (self.clone(), running.clone());
            let (shutdown, stop_jobs) = (shutdown.clone(), stop_jobs.clone());
            lanes.spawn(async move { worker.lane(index, lane, limit, running, shutdown, stop_jobs).await });
        }
        let (worker, listening) = (self.clone(), shutdown.clone());
        lanes.spawn(async move { worker.listen(listening).await });
        let beating = TaskTracker::new();
        let (scene, stop_beating) = (self.scene.clone(), heartbeats.clone());
        beating.spawn(async move { services::beat(&scene, stop_beating).await });

        lanes.close();
        lanes.wait().await;
        running.close();
        tracing::info!(worker = %self.name, jobs = running.len(), "worker draining");
        if tokio::time::timeout(self.scene.settings.drain, running.wait()).await.is_err() {
            stop_jobs.cancel();
            running.wait().await;
        }
        heartbeats.cancel();
        beating.close();
        beating.wait().await;
        tracing::info!(worker = %self.name, "worker stopped");
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
        let settings = &self.scene.settings;
        loop {
            let slot = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                slot = slots.clone().acquire_owned() => slot,
            };
            let Ok(slot) = slot else { return };
            match self.scene.catalog.claim_job(&self.name, &settings.host, lane, settings.lease).await {
                Ok(Some(job)) => {
                    let (scene, stop_jobs) = (self.scene.clone(), stop_jobs.clone());
                    running.spawn(async move {
                        run_job(&scene, job, stop_jobs).await;
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
                () = tokio::time::sleep(settings.poll) => {}
            }
        }
    }

    /// Wakes the lanes when the database announces something.
    async fn listen(&self, shutdown: CancellationToken) {
        let announcements = async {
            loop {
                match self.scene.catalog.job_listener().await {
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
}

/// Runs one job to its end, or until it must stop.
#[tracing::instrument(name = "job", skip_all, fields(job.id = %job.id, job.kind = job.spec.kind(), job.attempt = job.attempt))]
async fn run_job(scene: &Scene, job: Job, stop_jobs: CancellationToken) {
    let held = Held::new(job, scene.catalog.clone(), scene.settings.lease);
    let work = jobs::run(scene, &held);
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
