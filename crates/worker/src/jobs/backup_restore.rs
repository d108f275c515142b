//! Restoring a backup.

use catalog::messages::Detail;
use catalog::work::{RestoreWork, RestoredMetadata};
use catalog::{BackupId, VolumeId};
use chain::names::volume_image;
use chain::restore::{Request, restore};

use super::locked::Patience;
use super::{Outcome, Scene, base_ref, cancelled, given_up, metadata};
use crate::lease::{Held, Stop};
use crate::{JobError, images};

pub(super) async fn run(
    scene: &Scene,
    held: &Held,
    id: BackupId,
    volume: VolumeId,
    new_volume: bool,
) -> Result<Outcome, JobError> {
    let Some(work) = scene.catalog.begin_restore(id, volume).await? else {
        return fail(held, id, volume, Detail::BackupStatus, "the backup was no longer being restored").await;
    };
    let Some(target) = &work.volume else {
        let why = format!("volume {volume} is gone, or no longer waits for a restore");
        return fail(held, id, volume, Detail::VolumeStatus, &why).await;
    };
    if let Err(another) = work.backup.must_be_ours() {
        let why = format!("Restore backup aborted, {another}.");
        return fail(held, id, volume, Detail::DriverRestoreFailed, &why).await;
    }
    let size = images::bytes(target.size_gib);
    match write(scene, held, &work, volume, new_volume.then_some(size)).await {
        Ok(restored) => {
            held.persist(|| held.catalog.finish_restore(&held.job, id, volume, &restored)).await?;
            Ok(Outcome::Recorded)
        }
        Err(error) if scene.was_fenced(&error).await => Ok(Outcome::Stopped),
        Err(error) if error.is_interruption() && held.why() != Some(Stop::Cancelled) => Ok(Outcome::Stopped),
        Err(error) if error.is_interruption() => {
            let why = cancelled(held).await?;
            let detail = if why.is_some() { Detail::Cancelled } else { Detail::DriverRestoreFailed };
            let why = why.unwrap_or_else(|| error.to_string());
            tracing::info!(backup.id = %id, why, "restoring a backup was cancelled");
            fail(held, id, volume, detail, &why).await
        }
        Err(error) => {
            tracing::error!(backup.id = %id, error = &error as &dyn std::error::Error, "restoring a backup failed");
            // one that could not be found stays as it is (API spec 5.7): its pool may only be another one
            let damaged = matches!(&error, JobError::Chain(error) if error.is_corruption());
            let (why, detail) = (error.to_string(), Detail::DriverRestoreFailed);
            held.persist(|| held.catalog.fail_restore(&held.job, id, volume, detail, &why, damaged)).await?;
            Ok(Outcome::Recorded)
        }
    }
}

/// Writes the data, then reads what the backup says about its source.
async fn write(
    scene: &Scene,
    held: &Held,
    work: &RestoreWork,
    volume: VolumeId,
    new_size: Option<u64>,
) -> Result<RestoredMetadata, JobError> {
    if let Some(error) = given_up(held) {
        return Err(error);
    }
    let pools = scene.pools(work.backup.container.as_deref()).await?;
    if let Some(size) = new_size {
        images::create(held, &pools.volumes, volume, size).await?;
    }
    let request =
        Request { reference: base_ref(&work.backup, work.service_metadata.as_deref()), image: volume_image(volume.0) };
    let mut patience = Patience::new(&pools, "restore it again");
    loop {
        let control = held.persist(|| held.control(&scene.budget)).await?;
        match Box::pin(restore(&pools, &request, &control)).await {
            Ok(_) => break,
            Err(error) => patience.outlast(error, &control.cancel).await?,
        }
    }
    match chain::metadata::read(&pools.backups, work.backup.id.0).await {
        Ok(stored) => Ok(stored.as_ref().map(metadata::restored).unwrap_or_default()),
        // the data is right without, and would be written again to no other end
        Err(error @ chain::Error::BadMetadata { .. }) if !scene.ceph.is_fenced().await => {
            tracing::warn!(backup.id = %work.backup.id, %error, "a backup is restored without its volume's metadata");
            Ok(RestoredMetadata { unreadable: true, ..RestoredMetadata::default() })
        }
        Err(error) => Err(error.into()),
    }
}

async fn fail(held: &Held, id: BackupId, volume: VolumeId, detail: Detail, why: &str) -> Result<Outcome, JobError> {
    held.persist(|| held.catalog.fail_restore(&held.job, id, volume, detail, why, false)).await?;
    Ok(Outcome::Recorded)
}
