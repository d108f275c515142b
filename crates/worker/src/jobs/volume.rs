//! Volumes of the standalone source.

use catalog::VolumeId;
use catalog::jobs::VolumeOrigin;
use catalog::volumes::Status;

use super::locked::patiently;
use super::{Outcome, Scene, given_up, nothing_to_do};
use crate::lease::Held;
use crate::{JobError, images};

pub(super) async fn create(
    scene: &Scene,
    held: &Held,
    id: VolumeId,
    from: Option<VolumeOrigin>,
) -> Result<Outcome, JobError> {
    let Some(volume) = scene.catalog.volume_for_job(id).await? else {
        return nothing_to_do(held, "the volume is gone").await;
    };
    let unused = matches!(volume.status, Status::Creating | Status::Deleting | Status::Error);
    if from.is_some() && held.job.attempt > 1 && !unused {
        // a copy is made anew, and somebody may have written to what an earlier attempt has made; nor may that be whole
        let why = JobError::Failed("the volume's status was changed while it was being made".to_owned());
        return failed(scene, held, id, &why, "making a volume was interrupted").await;
    }
    let pool = scene.ceph.volumes();
    let size = images::bytes(volume.size_gib);
    let made = match (given_up(held), from) {
        (Some(error), _) => Err(error),
        (None, None) => images::create(held, pool, id, size).await,
        (None, Some(origin)) => images::create_from(held, pool, id, origin, size).await,
    };
    match made {
        Ok(()) => held.persist(|| held.catalog.finish_volume_create(&held.job, id)).await?,
        Err(error) => return failed(scene, held, id, &error, "making a volume failed").await,
    }
    Ok(Outcome::Recorded)
}

pub(super) async fn delete(scene: &Scene, held: &Held, id: VolumeId, cascade: bool) -> Result<Outcome, JobError> {
    if scene.catalog.volume_to_remove(id, held.job.attempt > 1).await?.is_none() {
        tracing::info!("nothing to do: the volume is gone, or no longer being deleted");
        held.persist(|| held.catalog.take_back_volume_delete(&held.job, id)).await?;
        return Ok(Outcome::Recorded);
    }
    let snapshots = if cascade { scene.catalog.snapshots_of_volume(id).await? } else { Vec::new() };
    let pool = scene.ceph.volumes();
    let removed = match given_up(held) {
        Some(error) => Err(error),
        None => patiently(scene, held, "delete the volume again", || images::delete(pool, id, &snapshots)).await,
    };
    match removed {
        Ok(()) => held.persist(|| held.catalog.finish_volume_delete(&held.job, id)).await?,
        Err(error) => return failed(scene, held, id, &error, "removing a volume failed").await,
    }
    Ok(Outcome::Recorded)
}

pub(super) async fn extend(
    scene: &Scene,
    held: &Held,
    id: VolumeId,
    size_gib: i32,
    previous_status: &str,
) -> Result<Outcome, JobError> {
    if scene.catalog.volume_to_grow(id, held.job.attempt > 1).await?.is_none() {
        return nothing_to_do(held, "the volume is gone, or no longer being extended").await;
    }
    let (pool, size) = (scene.ceph.volumes(), images::bytes(size_gib));
    let grown = match given_up(held) {
        Some(error) => Err(error),
        None => patiently(scene, held, "extend the volume again", || images::extend(pool, id, size)).await,
    };
    match grown {
        Ok(()) => {
            held.persist(|| held.catalog.finish_volume_extend(&held.job, id, size_gib, previous_status)).await?;
        }
        Err(error) => return failed(scene, held, id, &error, "growing a volume failed").await,
    }
    Ok(Outcome::Recorded)
}

async fn failed(scene: &Scene, held: &Held, id: VolumeId, error: &JobError, what: &str) -> Result<Outcome, JobError> {
    if error.is_interruption() || scene.was_fenced(error).await {
        return Ok(Outcome::Stopped);
    }
    tracing::error!(volume.id = %id, error = error as &dyn std::error::Error, "{what}");
    let why = error.to_string();
    held.persist(|| held.catalog.fail_volume(&held.job, id, &why)).await?;
    Ok(Outcome::Recorded)
}
