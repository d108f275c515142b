//! Deleting a backup.

use catalog::BackupId;
use catalog::jobs::JobEnd;
use catalog::work::DeleteWork;
use chain::BaseRef;
use chain::delete::{Request, delete, remove_marker_named};
use chain::names::volume_image;
use chain::{Pools, scan};

use super::locked::{Patience, patiently};
use super::{Outcome, Scene, base_of, base_ref, given_up, nothing_to_do};
use crate::JobError;
use crate::lease::{Held, Stop};

/// What whoever asked for it may do once a lock is free that stood in its way.
const AGAIN: &str = "delete the backup again";

pub(super) async fn run(scene: &Scene, held: &Held, id: BackupId) -> Result<Outcome, JobError> {
    let Some(work) = scene.catalog.begin_backup_delete(id, held.job.attempt > 1).await? else {
        return nothing_to_do(held, "the backup is no longer being deleted").await;
    };
    let control = held.control(&scene.budget).await?;
    let removed = async {
        if let Some(error) = given_up(held) {
            return Err(error);
        }
        if let Err(another) = work.backup.must_be_ours() {
            return Err(JobError::Failed(format!("Delete backup aborted, {another}.")));
        }
        // a backup that no worker ever took has nothing anywhere: neither is there anything to look for, nor
        // does it matter whether the pool that was asked for can be reached
        if work.backup.service.is_none() {
            return Ok(());
        }
        let pools = match scene.pools(work.backup.container.as_deref()).await {
            Ok(pools) => pools,
            // the pool and all in it are gone: so is the backup (format spec 5.1)
            Err(error) if error.is_not_found() => {
                tracing::warn!(%error, "the backup's pool does not exist");
                return patiently(scene, held, AGAIN, || unmark(scene, &work)).await;
            }
            Err(error) => return Err(error.into()),
        };
        let mut patience = Patience::new(&pools, AGAIN);
        while let Err(error) = delete(&pools, &places(&work), &control).await {
            patience.outlast(error, &control.cancel).await?;
        }
        Ok(())
    };
    match removed.await {
        Ok(()) => held.persist(|| held.catalog.finish_backup_delete(&held.job, id)).await?,
        // its status was set by hand; where it is to be deleted again, another job does that
        Err(error) if error.is_interruption() && held.why() == Some(Stop::Cancelled) => {
            let why = "the backup's status was changed while it was being deleted";
            held.persist(|| held.catalog.end_job(&held.job, JobEnd::Failed(why))).await?;
        }
        Err(error) if error.is_interruption() || scene.was_fenced(&error).await => return Ok(Outcome::Stopped),
        Err(error) => {
            tracing::error!(backup.id = %id, error = &error as &dyn std::error::Error, "deleting a backup failed");
            let why = error.to_string();
            held.persist(|| held.catalog.fail_backup_delete(&held.job, id, &why)).await?;
        }
    }
    Ok(Outcome::Recorded)
}

/// Removes the backup's markers from the volume, where they are all that is left of it: nobody needs them.
async fn unmark(scene: &Scene, work: &DeleteWork) -> Result<(), JobError> {
    let (volumes, volume) = (scene.ceph.volumes(), work.backup.volume_id.0);
    // a marker is in the pool of the volumes: the other one, which is gone, is not asked
    let pools = Pools { volumes: volumes.clone(), backups: volumes.clone() };
    let markers = scan::volume(volumes, volume).await?.unwrap_or_default().markers;
    for marker in markers.iter().filter(|marker| marker.backup == work.backup.id.0) {
        remove_marker_named(&pools, &volume_image(volume), &marker.name).await?;
    }
    Ok(())
}

/// Where the backup may be: most often one place. One whose image was never recorded may have left its restore
/// point in that of any parent, where it owns nothing without such a proof.
fn places(work: &DeleteWork) -> Vec<Request> {
    let own = Request {
        reference: base_ref(&work.backup, work.service_metadata.as_deref()),
        image: volume_image(work.backup.volume_id.0),
        sole_legacy: work.sole_legacy,
        failed: work.failed,
    };
    let mut places = vec![own.clone()];
    if work.unplaced {
        let nowhere = BaseRef { base: None, ..own.reference.clone() };
        let elsewhere = work.elsewhere.iter().filter_map(|metadata| base_of(metadata));
        let references = elsewhere.map(|base| BaseRef { base: Some(base), ..own.reference.clone() });
        // a record that names a strange image is none: it is not followed
        let references = std::iter::once(nowhere).chain(references.filter(|reference| reference.check().is_ok()));
        places.extend(references.map(|reference| Request { reference, failed: true, ..own.clone() }));
    }
    places
}
