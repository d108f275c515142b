//! Repairing what was found of one volume, while no job can begin on it.

use std::sync::Arc;

use catalog::VolumeId;
use catalog::jobs::{Job, JobEnd};
use chain::delete::{delete, remove_marker_named, remove_metadata, sweep_sums};
use chain::names::volume_image;
use chain::{Budget, Pools, mutation};
use fail_points::Point;
use rbd::{Errno, Pool};
use uuid::Uuid;

use super::classify::{Known, classify};
use super::finding::{Finding, Outcome, Repair};
use super::look::{Places, look};
use crate::lease::Held;
use crate::{JobError, images};

/// Why what was found first was not found again, or not in time.
pub(super) const BUSY: &str = "a job began on the volume; run this again";

/// Why a snapshot is not removed.
const CLONED: &str = "it is protected, or something is a clone of it";

/// Looks again, now that the job holds the volume's keys, and repairs what is still there. Returns all that was found
/// the second time, or nothing where another job waits for the volume.
pub(super) async fn repair(
    held: &Arc<Held>,
    places: &Places,
    known: &Known,
    budget: &Budget,
    volume: Uuid,
    backups: &[Uuid],
) -> Result<Option<Vec<Finding>>, JobError> {
    let Some(sight) = look(&held.catalog, places, volume).await? else { return Ok(None) };
    let mut findings = classify(&sight.seen, &sight.records, known);
    for finding in &mut findings {
        let Some(repair) = finding.repair.take() else { continue };
        if repair.backups().iter().any(|backup| !backups.contains(backup)) {
            finding.leave("it was found only now; run this again".to_owned());
            continue;
        }
        // a worker that lost the job may not remove what others rely on by now
        held.prove().await.map_err(chain::Error::from)?;
        match apply(held, places, budget, volume, &repair).await {
            Ok(()) => finding.outcome = Outcome::Repaired,
            Err(error) if error.is_interruption() || error.is_fenced() => return Err(error),
            Err(error) => {
                tracing::warn!(class = %finding.class, what = finding.what, error = &error as &dyn std::error::Error,
                    "what disagrees could not be repaired");
                finding.leave(format!("that failed: {error}"));
            }
        }
    }
    Ok(Some(findings))
}

/// Purges a base from the trash. What came of it is noted in the finding.
pub(super) async fn purge(pool: &Pool, id: &str, finding: &mut Finding) {
    match mutation::purge_image(Point::RemoveBase, pool, id).await {
        Ok(()) => finding.outcome = Outcome::Repaired,
        Err(error) if error.is_not_found() => finding.outcome = Outcome::Repaired, // somebody else was faster
        Err(error) if error.errno == Errno::BUSY => finding.leave("it is still in use".to_owned()),
        Err(error) => finding.leave(format!("that failed: {error}")),
    }
}

/// Ends the job, so that others can begin.
pub(super) async fn end(held: &Held) -> Result<(), JobError> {
    let job: &Job = &held.job;
    Ok(held.persist(|| held.catalog.end_job(job, JobEnd::Done)).await?)
}

async fn apply(held: &Held, places: &Places, budget: &Budget, volume: Uuid, repair: &Repair) -> Result<(), JobError> {
    let pools = |pool: &str| Pools { volumes: places.volumes.clone(), backups: places.backups[pool].clone() };
    match repair {
        Repair::Marker { name, .. } => {
            let (_, any) = places.backups.first_key_value().ok_or_else(no_pool)?;
            let pools = Pools { volumes: places.volumes.clone(), backups: any.clone() };
            if !remove_marker_named(&pools, &volume_image(volume), name).await? {
                return Err(JobError::Failed(CLONED.to_owned()));
            }
        }
        Repair::Snapshot { name } => {
            if !images::remove_leftover(&places.volumes, VolumeId(volume), name).await? {
                return Err(JobError::Failed(CLONED.to_owned()));
            }
        }
        Repair::Backups { pool, requests } => {
            for request in requests {
                delete(&pools(pool), std::slice::from_ref(request), &held.clean_up_control(budget)).await?;
            }
        }
        Repair::Metadata { pool, backup } => {
            remove_metadata(&pools(pool), *backup).await?;
        }
        Repair::Checksums { pool, base } => sweep_sums(&pools(pool), base).await?,
        Repair::Lost { backup, why } => {
            if !held.catalog.record_lost(*backup, why).await? {
                return Err(JobError::Failed("its status was changed".to_owned()));
            }
        }
    }
    Ok(())
}

fn no_pool() -> JobError {
    JobError::Failed("there is no pool of backups".to_owned())
}
