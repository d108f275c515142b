//! Snapshots of volumes.

use catalog::{SnapshotId, VolumeId};

use super::locked::patiently;
use super::{Outcome, Scene, given_up, nothing_to_do};
use crate::lease::Held;
use crate::{JobError, images};

pub(super) async fn create(scene: &Scene, held: &Held, id: SnapshotId, volume: VolumeId) -> Result<Outcome, JobError> {
    if scene.catalog.snapshot_to_make(id).await?.is_none() {
        return nothing_to_do(held, "the snapshot is gone, or is to be deleted").await;
    }
    let pool = scene.ceph.volumes();
    let again = "make the snapshot again";
    let made = match given_up(held) {
        Some(error) => Err(error),
        None => patiently(scene, held, again, || images::create_snapshot(held, pool, volume, id)).await,
    };
    match made {
        Ok(()) => held.persist(|| held.catalog.finish_snapshot_create(&held.job, id)).await?,
        Err(error) if error.is_interruption() || scene.was_fenced(&error).await => return Ok(Outcome::Stopped),
        Err(error) => {
            tracing::error!(snapshot.id = %id, error = &error as &dyn std::error::Error, "making a snapshot failed");
            let why = error.to_string();
            held.persist(|| held.catalog.fail_snapshot_create(&held.job, id, &why)).await?;
        }
    }
    Ok(Outcome::Recorded)
}

pub(super) async fn delete(scene: &Scene, held: &Held, id: SnapshotId, volume: VolumeId) -> Result<Outcome, JobError> {
    if scene.catalog.snapshot_to_remove(id, held.job.attempt > 1).await?.is_none() {
        return nothing_to_do(held, "the snapshot is gone, or no longer being deleted").await;
    }
    let pool = scene.ceph.volumes();
    let again = "delete the snapshot again";
    let removed = match given_up(held) {
        Some(error) => Err(error),
        None => patiently(scene, held, again, || images::delete_snapshot(pool, volume, id)).await,
    };
    match removed {
        Ok(()) => held.persist(|| held.catalog.finish_snapshot_delete(&held.job, id)).await?,
        Err(error) if error.is_interruption() || scene.was_fenced(&error).await => return Ok(Outcome::Stopped),
        Err(error) => {
            tracing::error!(snapshot.id = %id, error = &error as &dyn std::error::Error, "removing a snapshot failed");
            let why = error.to_string();
            held.persist(|| held.catalog.fail_snapshot_delete(&held.job, id, &why)).await?;
        }
    }
    Ok(Outcome::Recorded)
}
