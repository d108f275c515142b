//! Snapshots of volumes.

use catalog::{SnapshotId, VolumeId};

use super::locked::patiently;
use super::{Outcome, Scene};
use crate::lease::Held;
use crate::{JobError, images};

pub(super) async fn create(scene: &Scene, held: &Held, id: SnapshotId, volume: VolumeId) -> Result<Outcome, JobError> {
    let pool = scene.ceph.volumes();
    let again = "make the snapshot again";
    match patiently(scene, held, again, || images::create_snapshot(pool, volume, id)).await {
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
    let pool = scene.ceph.volumes();
    let again = "delete the snapshot again";
    match patiently(scene, held, again, || images::delete_snapshot(pool, volume, id)).await {
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
