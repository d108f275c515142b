//! Removing from a volume what its next incremental backup does not need.

use catalog::VolumeId;
use catalog::jobs::JobEnd;
use chain::names::volume_image;
use chain::trim::trim;

use super::{Outcome, Scene, given_up};
use crate::JobError;
use crate::lease::Held;

pub(super) async fn run(scene: &Scene, held: &Held, volume: VolumeId) -> Result<Outcome, JobError> {
    let siblings = scene.catalog.siblings(volume).await?;
    let groups: Vec<Vec<_>> =
        siblings.into_iter().map(|group| group.backups.into_iter().map(|backup| backup.0).collect()).collect();
    let control = held.control(&scene.budget).await?;
    let trimmed = match given_up(held) {
        Some(error) => Err(error),
        None => trim(scene.ceph.volumes(), &volume_image(volume.0), &groups, &control).await.map_err(JobError::from),
    };
    let why;
    let end = match trimmed {
        Ok(removed) => {
            tracing::info!(volume.id = %volume, removed, "markers that no increment needs were removed");
            JobEnd::Done
        }
        Err(error) if error.is_interruption() || scene.was_fenced(&error).await => return Ok(Outcome::Stopped),
        // the next backup tries again
        Err(error) => {
            tracing::warn!(volume.id = %volume, error = &error as &dyn std::error::Error,
                "markers that no increment needs stay on the volume");
            why = error.to_string();
            JobEnd::Failed(&why)
        }
    };
    held.persist(|| held.catalog.end_job(&held.job, end)).await?;
    Ok(Outcome::Recorded)
}
