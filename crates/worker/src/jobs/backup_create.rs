//! Making a backup.

use catalog::BackupId;
use catalog::messages::Detail;
use catalog::work::{BackupOutcome, BackupWork};
use chain::create::{Created, Request, abandon, create};
use chain::names::volume_image;
use chain::{BaseRef, Pools};

use super::{Outcome, Scene, base_of, given_up, metadata};
use crate::JobError;
use crate::lease::{Held, Stop};

pub(super) async fn run(scene: &Scene, held: &Held, id: BackupId, incremental: bool) -> Result<Outcome, JobError> {
    let worker = scene.worker();
    let container = &scene.settings.default_container;
    let Some(work) = scene.catalog.begin_backup(id, incremental, container, &worker).await? else {
        // reset or deleted before a worker came to it; the volume must still be given back
        return fail(held, id, Detail::BackupStatus, "the backup was no longer being created").await;
    };
    let request = match request(&work) {
        Ok(request) => request,
        Err(why) => return fail(held, id, Detail::BackupStatus, &why).await,
    };
    let pools = match scene.pools(work.backup.container.as_deref()).await {
        Ok(pools) => pools,
        Err(error) => return fail(held, id, Detail::ServiceDown, &error.to_string()).await,
    };
    let made = match given_up(held) {
        Some(error) => Err(error),
        None => create(&pools, &request, &held.control(&scene.budget)).await.map_err(JobError::from),
    };
    match made {
        Ok(created) => finish(scene, held, id, incremental, &pools, &request, &created).await,
        Err(error) if error.is_interruption() && held.why() != Some(Stop::Cancelled) => Ok(Outcome::Stopped),
        Err(error) => undo(scene, held, id, &pools, &request, &error).await,
    }
}

/// What is to be made, or why it can not be.
fn request(work: &BackupWork) -> Result<Request, String> {
    let backup = &work.backup;
    let Some(volume) = &work.volume else {
        return Err(format!("volume {} no longer exists", backup.volume_id));
    };
    if !work.source_ready {
        return Err(match backup.snapshot_id {
            None => format!("volume {} is {} and not backing-up", volume.id, volume.status),
            Some(snapshot) => format!("snapshot {snapshot} is no longer backing-up"),
        });
    }
    let parents = work.parents.iter().map(|parent| BaseRef {
        backup: parent.id.0,
        volume: backup.volume_id.0,
        base: parent.service_metadata.as_deref().and_then(base_of),
        snapshot: parent.snapshot_id.map(|id| id.0),
    });
    Ok(Request {
        backup: backup.id.0,
        volume: backup.volume_id.0,
        image: volume_image(backup.volume_id.0),
        snapshot: backup.snapshot_id.map(|id| id.0),
        parents: parents.collect(),
        metadata: metadata::of_volume(volume),
    })
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
    let outcome = BackupOutcome { base: created.base.clone(), parent: created.parent.map(BackupId) };
    let forced_full = incremental && created.parent.is_none();
    if held.persist(|| held.catalog.finish_backup(&held.job, id, &outcome, forced_full)).await? {
        return Ok(Outcome::Recorded);
    }
    let error = JobError::Failed("the backup's status was changed while it was being made".to_owned());
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
    tracing::error!(backup.id = %id, error = error as &dyn std::error::Error, "making a backup failed");
    let mut why = error.to_string();
    match abandon(pools, request, &held.clean_up_control(&scene.budget)).await {
        Ok(()) => {}
        Err(chain::Error::Interrupted(_)) => return Ok(Outcome::Stopped),
        Err(left) => {
            tracing::error!(backup.id = %id, error = &left as &dyn std::error::Error, "cleaning up failed");
            why = format!("{why}; what it left could not be removed ({left}): delete the backup to try again");
        }
    }
    fail(held, id, Detail::DriverCreateFailed, &why).await
}

async fn fail(held: &Held, id: BackupId, detail: Detail, why: &str) -> Result<Outcome, JobError> {
    held.persist(|| held.catalog.fail_backup(&held.job, id, detail, why)).await?;
    Ok(Outcome::Recorded)
}
