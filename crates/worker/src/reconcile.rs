//! Comparing the records with what is on Ceph, and repairing what is provably ours and safe.
//!
//! A volume is looked at without holding anything: Ceph first, then the records, then whether a job was there
//! meanwhile, in which case it is looked at again at the end. What can be repaired is repaired as a job of its own that
//! holds the keys that every other job about the volume needs, after a second look under them. Whoever takes such a job
//! over from a worker that died only ends it: what disagrees is found again the next time.
//!
//! | module | what it does |
//! |---|---|
//! | `look` | what is there, of one volume |
//! | `classify` | what of it disagrees, and what is provably ours: no I/O |
//! | `repair` | removes it, under the volume's keys |
//! | `queue` | what disagrees within the database |
//! | `finding` | how it is told |

mod classify;
mod finding;
mod look;
mod queue;
mod repair;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::jobs::JobSpec;
use catalog::reconcile::Named;
use catalog::{BackupId, Catalog, VolumeId};
use chain::scan::{Mover, Owner};
use chain::{Budget, scan};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use finding::{Class, Finding, Outcome};

use crate::ceph::{Ceph, PoolOptions};
use crate::fence;
use crate::incarnation::{self, Incarnation, Incarnations};
use crate::lease::Held;
use crate::runner::drive;
use crate::{JobError, Settings};
use classify::{Known, classify};
use look::{Places, Sight, look};

/// How often it is looked whether it is time again.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// What was found, and what was not looked at.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// What disagrees.
    pub findings: Vec<Finding>,
    /// How many volumes were looked at.
    pub volumes: usize,
    /// Those on which jobs worked all the time.
    pub busy_volumes: Vec<Uuid>,
    /// The pools that records name and that are not there.
    pub missing_pools: Vec<String>,
}

impl Report {
    /// Whether nothing is left to be done.
    pub fn is_clean(&self) -> bool {
        self.missing_pools.is_empty() && self.findings.iter().all(|finding| finding.outcome == Outcome::Repaired)
    }
}

/// Compares everything once. With `repairs`, what is provably ours and safe is repaired; without, nothing is changed.
/// `None` where another is at it.
///
/// # Errors
/// Ceph can not be used, or the catalogue failed.
pub async fn reconcile(
    catalog: &Catalog,
    volumes: PoolOptions,
    backups: PoolOptions,
    settings: &Settings,
    repairs: bool,
) -> Result<Option<Report>, JobError> {
    let mut pass = Pass {
        catalog,
        settings,
        repairer: None,
        known: Known::default(),
        stop: CancellationToken::new(),
        report: Report::default(),
    };
    if repairs {
        // what writes is registered, so that it can be fenced
        let us = Arc::new(incarnation::make(catalog, &settings.host, &volumes, &backups).await?);
        let done = pass.repairing(us.clone()).await;
        let ended = tokio::task::spawn_blocking(move || drop(us)).await;
        debug_assert!(ended.is_ok(), "nothing panics there");
        return Ok(done?.then_some(pass.report));
    }
    let ceph = Ceph::connect(&volumes, &backups).await?;
    pass.run(&ceph).await?;
    let ended = tokio::task::spawn_blocking(move || drop(ceph)).await;
    debug_assert!(ended.is_ok(), "nothing panics there");
    Ok(Some(pass.report))
}

/// Compares everything each time that it is due, until stopped.
pub(crate) async fn now_and_then(
    catalog: &Catalog,
    incarnations: &Incarnations,
    settings: &Settings,
    every: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(LOOK_EVERY.min(every));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let mut pass = Pass {
            catalog,
            settings,
            repairer: None,
            known: Known::default(),
            stop: stop.clone(),
            report: Report::default(),
        };
        let done = async {
            if !catalog.reconcile_is_due(every).await? {
                return Ok(false);
            }
            pass.repairing(incarnations.current().await?).await
        };
        match done.await {
            Ok(false) => {}
            Ok(true) => tell(&pass.report),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "records and Ceph could not be compared");
            }
        }
    }
}

/// Writes to the log what was found.
fn tell(report: &Report) {
    for finding in &report.findings {
        tracing::warn!(class = %finding.class, what = finding.what, why = finding.why, outcome = %finding.outcome,
            left_because = finding.left_because, by_hand = finding.by_hand, "records and Ceph disagree");
    }
    let busy = report.busy_volumes.len();
    tracing::info!(volumes = report.volumes, busy, found = report.findings.len(), "records and Ceph were compared");
}

struct Pass<'a> {
    catalog: &'a Catalog,
    settings: &'a Settings,
    /// Who repairs, if anybody.
    repairer: Option<Arc<Incarnation>>,
    known: Known,
    stop: CancellationToken,
    report: Report,
}

impl Pass<'_> {
    /// Compares and repairs, as the only one who does. Returns whether that was so.
    async fn repairing(&mut self, us: Arc<Incarnation>) -> Result<bool, JobError> {
        let lease = self.settings.lease;
        let Some(job) = self.catalog.take_job(JobSpec::Reconcile, &us.name, lease).await? else { return Ok(false) };
        let held = Arc::new(Held::new(job, self.catalog.clone(), lease));
        self.repairer = Some(us.clone());
        let mut done = Ok(());
        drive(async { done = Box::pin(self.run(&us.ceph)).await }, &held, CancellationToken::new()).await;
        let ended = repair::end(&held).await;
        self.repairer = None;
        done.and(ended).map(|()| true)
    }

    async fn run(&mut self, ceph: &Ceph) -> Result<(), JobError> {
        self.known.fenced = self.catalog.fenced_addresses().await?;
        let mut found = queue::reconcile(self.catalog, self.repairer.is_some()).await?;
        self.report.findings.append(&mut found);

        let mut pools = BTreeMap::new();
        let mut names: BTreeSet<String> = self.catalog.containers().await?.into_iter().collect();
        names.insert(self.settings.default_container.clone());
        for name in names {
            match ceph.container(&name).await {
                Ok(pool) => drop(pools.insert(name, pool)),
                Err(error) if error.is_not_found() => self.report.missing_pools.push(name),
                Err(error) => return Err(error.into()),
            }
        }
        let (places, unknown) =
            Places::list(self.catalog, ceph.volumes().clone(), pools, &self.settings.default_container).await?;
        for (pool, backup, _) in unknown {
            self.report.findings.push(classify::unknown_metadata(&pool, backup));
        }
        self.trash(&places).await?;

        let mut again = Vec::new();
        for volume in places.volumes_to_look_at(self.catalog).await? {
            if self.stop.is_cancelled() {
                return Ok(());
            }
            self.report.volumes += 1;
            if !self.volume(&places, volume, false).await? {
                again.push(volume);
            }
        }
        for volume in again {
            if self.stop.is_cancelled() {
                return Ok(());
            }
            if !self.volume(&places, volume, true).await? {
                self.report.busy_volumes.push(volume);
            }
        }
        Ok(())
    }

    /// Images in the trash: one goes there when it stays in use while its volume, or its last backup, is deleted.
    async fn trash(&mut self, places: &Places) -> Result<(), JobError> {
        let backups = places.backups.iter().map(|(name, pool)| (name.as_str(), pool));
        let volumes = (places.volumes.name(), &places.volumes);
        for (name, pool) in backups.chain([volumes]) {
            for trashed in scan::trashed(pool).await? {
                let (volume, backup) = match trashed.owner {
                    Owner::Base(base) => (base.volume, base.backup),
                    Owner::Volume(volume) => (volume, None),
                };
                let named = Named { backups: backup.into_iter().collect(), ..Named::default() };
                let records = places.records_of(self.catalog, volume, &named).await?;
                let now = self.catalog.now().await?.timestamp().into();
                if trashed.mover == Mover::Removal
                    && (!classify::is_old(&trashed, &records) || !pool.is_trashed(&trashed.image.id).await?)
                {
                    continue; // a job is removing it, or was when it was listed
                }
                let mut finding = classify::trashed(name, &trashed, &records, now);
                if self.repairer.is_some() && finding.outcome == Outcome::WouldRepair {
                    repair::purge(pool, &trashed.image.id, &mut finding).await;
                }
                self.report.findings.push(finding);
            }
        }
        Ok(())
    }

    /// Looks at one volume, and repairs it. Returns whether that could be done: else it is to be looked at again,
    /// because of a job, or because it is not known yet whether the pool is the right one.
    async fn volume(&mut self, places: &Places, volume: Uuid, last: bool) -> Result<bool, JobError> {
        let Some(Sight { seen, records, proven }) = look(self.catalog, places, volume).await? else { return Ok(false) };
        self.known.proven.extend(proven);
        let mut findings = classify(&seen, &records, &self.known);
        if !last && findings.iter().any(|finding| finding.class == Class::BackupWithoutPoint) {
            return Ok(false);
        }
        if self.repairer.is_some() && findings.iter().any(|finding| finding.repair.is_some()) {
            findings = self.repair(places, volume, findings).await?;
        }
        self.report.findings.append(&mut findings);
        Ok(true)
    }

    /// Repairs what was found of a volume, as a job. Returns what there is to tell.
    async fn repair(&self, places: &Places, volume: Uuid, mut first: Vec<Finding>) -> Result<Vec<Finding>, JobError> {
        let Some(us) = &self.repairer else { return Ok(first) };
        let backups: BTreeSet<Uuid> =
            first.iter().filter_map(|finding| finding.repair.as_ref()).flat_map(finding::Repair::backups).collect();
        let spec = JobSpec::ReconcileVolume {
            volume: VolumeId(volume),
            backups: backups.iter().copied().map(BackupId).collect(),
        };
        let lease = self.settings.lease;
        let second = match self.catalog.take_job(spec, &us.name, lease).await? {
            None => None,
            Some(job) => {
                let held = Arc::new(Held::new(job, self.catalog.clone(), lease));
                let (budget, backups) = (Budget::new(self.settings.memory), Vec::from_iter(backups));
                let mut second = Ok(None);
                let work = async {
                    second = match fence::wait_for_fences(us, &held).await {
                        Ok(()) => repair::repair(&held, places, &self.known, &budget, volume, &backups).await,
                        Err(error) => Err(error),
                    };
                };
                drive(work, &held, CancellationToken::new()).await;
                let ended = repair::end(&held).await;
                let second = second?;
                ended?;
                second
            }
        };
        Ok(second.unwrap_or_else(|| {
            first.iter_mut().filter(|one| one.repair.is_some()).for_each(|one| one.leave(repair::BUSY.to_owned()));
            first
        }))
    }
}
