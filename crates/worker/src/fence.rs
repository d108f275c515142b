//! Before a job is gone on with: whoever lost it is kept from writing (docs/adr/0011-a-lost-worker-is-blocklisted.md).

use catalog::jobs::JobSpec;
use catalog::workers::LostWorker;
use chain::Interrupted;
use chain::mutation::fence as fence_client;
use rbd::{Errno, FENCED_FOR};

use crate::JobError;
use crate::ceph::Ceph;
use crate::incarnation::Incarnation;
use crate::lease::{Held, Stop};

/// Makes sure that nobody but this incarnation writes for the job any more.
///
/// # Errors
/// That can not be done now: the job must not be begun.
pub(crate) async fn predecessors(us: &Incarnation, held: &Held) -> Result<(), JobError> {
    let job = &held.job;
    if job.attempt == 1 {
        // nobody had it before; but the job before it on the same images may have begun with a fence
        return wait_for_fences(us, held).await;
    }
    let lost = held.catalog.lost_workers(job, FENCED_FOR).await?;
    for worker in &lost {
        if worker.name == us.name {
            // we lost it ourselves and did not know: our connections are to be fenced, from new ones
            us.ceph.give_up();
            return Err(JobError::Failed(
                "this worker lost the job, and takes it again over new connections".to_owned(),
            ));
        }
        fence(&us.ceph, worker).await?;
    }
    wait_for_fences(us, held).await?;
    if !lost.is_empty() {
        held.catalog.record_fenced(job).await?;
    }
    Ok(())
}

/// What somebody has fenced is so for us only with the map that says so: an OSD learns of it at the latest from what we
/// ask of it then. Only the clusters that the job writes to are waited for.
///
/// # Errors
/// The worker is to end, or Ceph failed: the job must not be begun.
pub(crate) async fn wait_for_fences(us: &Incarnation, held: &Held) -> Result<(), JobError> {
    let only_volumes = matches!(
        held.job.spec,
        JobSpec::VolumeCreate { .. }
            | JobSpec::VolumeDelete { .. }
            | JobSpec::VolumeExtend { .. }
            | JobSpec::SnapshotCreate { .. }
            | JobSpec::SnapshotDelete { .. }
            | JobSpec::SourceTrim { .. }
    );
    let clusters = if only_volumes { vec![us.ceph.volumes().cluster().clone()] } else { us.ceph.clusters() };
    let stop = held.told_to_stop();
    for cluster in clusters {
        tokio::select! {
            // monitors that do not answer are waited for, as OSDs are, but not by a worker that is to end
            () = stop.cancelled(), if held.why() != Some(Stop::Cancelled) => {
                return Err(chain::Error::from(Interrupted::Cancelled).into());
            }
            latest = cluster.latest_map() => latest?,
        }
    }
    Ok(())
}

async fn fence(ceph: &Ceph, worker: &LostWorker) -> Result<(), JobError> {
    if worker.fenced {
        return Ok(());
    }
    if worker.connections.is_empty() {
        tracing::warn!(lost = %worker.name, "a worker of an older release lost this job: it can not be fenced");
    }
    let mut clusters = Vec::new();
    for cluster in ceph.clusters() {
        clusters.push((cluster.fsid()?, cluster));
    }
    for connection in &worker.connections {
        let Some((_, cluster)) = clusters.iter().find(|(fsid, _)| *fsid == connection.fsid) else {
            tracing::warn!(lost = %worker.name, ?connection, "a lost worker was connected to a cluster that we are not");
            continue;
        };
        fence_client(cluster, &connection.address, FENCED_FOR).await.map_err(|error| refused(worker, error))?;
        tracing::warn!(lost = %worker.name, address = %connection.address, "a worker that lost a job was fenced");
    }
    Ok(())
}

fn refused(worker: &LostWorker, error: rbd::Error) -> JobError {
    if matches!(error.errno, Errno::NOT_PERMITTED | Errno::ACCESS) {
        return JobError::Failed(format!(
            "worker {} lost the job and can not be fenced: {error}; {}",
            worker.name,
            crate::ceph::MON_CAP
        ));
    }
    error.into()
}
