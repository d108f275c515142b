//! Making a backup.

use catalog::BackupId;
use catalog::messages::Detail;
use catalog::work::{BackupOutcome, BackupWork};
use chain::create::{Created, Request, abandon, create};
use chain::names::{base_image, volume_image};
use chain::{BaseRef, Pools};

use super::locked::Patience;
use super::{Outcome, Scene, base_of, cancelled, given_up, metadata};
use crate::JobError;
use crate::lease::{Held, Stop};

pub(super) async fn run(scene: &Scene, held: &Held, id: BackupId, incremental: bool) -> Result<Outcome, JobError> {
    let worker = scene.worker();
    let container = &scene.settings.default_container;
    let Some(work) = scene.catalog.begin_backup(id, incremental, container, &worker).await? else {
        // reset or deleted before a worker came to it; the volume must still be given back
        return fail(held, id, Detail::BackupStatus, "the backup was no longer being created").await;
    };
    let first = held.job.attempt == 1;
    let unready = unready(&work);
    if let (true, Some(why)) = (first, &unready) {
        return fail(held, id, Detail::BackupStatus, why).await;
    }
    let request = request(&work, scene.settings.checksums);
    let pools = match scene.pools(work.backup.container.as_deref()).await {
        Ok(pools) => pools,
        Err(error) if first => return fail(held, id, Detail::ServiceDown, &error.to_string()).await,
        Err(error) => {
            let why = format!("{error}; what an earlier attempt left is still there: delete the backup to remove it");
            return fail(held, id, Detail::ServiceDown, &why).await;
        }
    };
    if let Some(why) = unready {
        // an earlier attempt may have left something
        return undo(scene, held, id, &pools, &request, &JobError::Failed(why)).await;
    }
    let made = match given_up(held) {
        Some(error) => Err(error),
        None => make(scene, held, &pools, &request).await,
    };
    match made {
        Ok(created) => finish(scene, held, id, incremental, &pools, &request, &created).await,
        Err(error) if scene.was_fenced(&error).await => Ok(Outcome::Stopped),
        Err(error) if error.is_interruption() && held.why() != Some(Stop::Cancelled) => Ok(Outcome::Stopped),
        Err(error) => undo(scene, held, id, &pools, &request, &error).await,
    }
}

/// How often a marker is made anew whose object map a guest has left stale: each time it must write again to an object
/// that it had never written to, in the moment in which the marker is made.
const MARKERS: usize = 3;

/// Makes the backup, over again while somebody keeps the lock of the volume or of the base.
async fn make(scene: &Scene, held: &Held, pools: &Pools, request: &Request) -> Result<Created, JobError> {
    let mut patience = Patience::new(pools, "create the backup again");
    let mut markers = 1;
    loop {
        let control = held.persist(|| held.control(&scene.budget)).await?;
        match Box::pin(create(pools, request, &control)).await {
            Ok(created) => return Ok(created),
            Err(error @ chain::Error::StaleMap { .. }) if request.snapshot.is_none() && markers < MARKERS => {
                tracing::warn!(%error, "the backup is begun again with another marker");
                abandon(pools, request, &held.clean_up_control(&scene.budget)).await?;
                markers += 1;
            }
            Err(error) => patience.outlast(error, &control.cancel).await?,
        }
    }
}

/// Why the backup can not be made, if it can not.
fn unready(work: &BackupWork) -> Option<String> {
    let backup = &work.backup;
    match (&work.volume, backup.snapshot_id) {
        (None, _) => Some(format!("volume {} no longer exists", backup.volume_id)),
        (Some(_), _) if work.source_ready => None,
        (Some(volume), None) => Some(format!("volume {} is {} and not backing-up", volume.id, volume.status)),
        (Some(_), Some(snapshot)) => Some(format!("snapshot {snapshot} is no longer backing-up")),
    }
}

/// What is to be made.
fn request(work: &BackupWork, checksums: bool) -> Request {
    let backup = &work.backup;
    let parents = work.parents.iter().map(|parent| BaseRef {
        backup: parent.id.0,
        volume: backup.volume_id.0,
        base: parent.service_metadata.as_deref().and_then(base_of),
        snapshot: parent.snapshot_id.map(|id| id.0),
        checksums: parent.checksums,
    });
    Request {
        backup: backup.id.0,
        volume: backup.volume_id.0,
        image: volume_image(backup.volume_id.0),
        snapshot: backup.snapshot_id.map(|id| id.0),
        parents: parents.collect(),
        places: work.places.iter().filter_map(|place| base_of(place)).collect(),
        checksums,
        metadata: work.volume.as_ref().map(metadata::of_volume).unwrap_or_default(),
    }
}

async fn finish(
    scene: &Scene,
    held: &Held,
    id: BackupId,
    incremental: bool,
    pools: &Pools,
    request: &Request,
    created: &Created,
) -> Result<Outcome, JobError> {
    // a parent that was deleted since an earlier attempt is not known any more
    let forced_full = incremental && created.base == base_image(request.volume, request.backup);
    let outcome = BackupOutcome {
        base: created.base.clone(),
        parent: created.parent.map(BackupId),
        trim: scene.settings.trim_sources,
        checksums: created.checksums,
        suspects: created.suspects.iter().copied().map(BackupId).collect(),
    };
    if held.persist(|| held.catalog.finish_backup(&held.job, id, &outcome, forced_full)).await? {
        return Ok(Outcome::Recorded);
    }
    let error =
        JobError::Failed("the backup's status was changed, or it was cancelled, while it was being made".to_owned());
    undo(scene, held, id, pools, request, &error).await
}

/// Removes what a failed attempt has left, then records the failure.
async fn undo(
    scene: &Scene,
    held: &Held,
    id: BackupId,
    pools: &Pools,
    request: &Request,
    error: &JobError,
) -> Result<Outcome, JobError> {
    let cancelled = cancelled(held).await?;
    let detail = if cancelled.is_some() { Detail::Cancelled } else { Detail::DriverCreateFailed };
    if let Some(why) = &cancelled {
        tracing::info!(backup.id = %id, why, "making a backup was cancelled");
    } else {
        tracing::error!(backup.id = %id, error = error as &dyn std::error::Error, "making a backup failed");
    }
    let mut why = cancelled.unwrap_or_else(|| error.to_string());
    match abandon(pools, request, &held.clean_up_control(&scene.budget)).await {
        Ok(()) => {}
        Err(chain::Error::Interrupted(_)) => return Ok(Outcome::Stopped),
        Err(left) => {
            let left = JobError::from(left);
            if scene.was_fenced(&left).await {
                return Ok(Outcome::Stopped);
            }
            tracing::error!(backup.id = %id, error = &left as &dyn std::error::Error, "cleaning up failed");
            why = format!("{why}; what it left could not be removed ({left}): delete the backup to try again");
        }
    }
    fail(held, id, detail, &why).await
}

async fn fail(held: &Held, id: BackupId, detail: Detail, why: &str) -> Result<Outcome, JobError> {
    held.persist(|| held.catalog.fail_backup(&held.job, id, detail, why)).await?;
    Ok(Outcome::Recorded)
}
