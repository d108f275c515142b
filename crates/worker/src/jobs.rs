//! The kinds of jobs, one file each.

mod backup_create;
mod backup_delete;
mod backup_import;
mod backup_restore;
mod backup_verify;
mod locked;
mod metadata;
mod snapshot;
mod source_trim;
mod volume;

use std::sync::Arc;
use std::time::Duration;

use catalog::Catalog;
use catalog::jobs::{JobEnd, JobSpec};
use catalog::work;
use chain::{BaseRef, Budget, Pools};

use crate::ceph::Ceph;
use crate::lease::{Held, Stop};
use crate::{JobError, SERVICE, Settings};

/// After how many claims a job is given up: it was taken over this often because its worker went away.
const MAX_ATTEMPTS: i32 = 10;

/// How long a job waits that was handed back because the database was away.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What every job needs.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) catalog: Catalog,
    pub(crate) ceph: Arc<Ceph>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) budget: Budget,
}

impl Scene {
    fn worker(&self) -> work::Worker {
        work::Worker { host: self.settings.host.clone(), zone: self.settings.zone.clone(), service: SERVICE.to_owned() }
    }

    /// Whether something failed because another worker has fenced this one: then the job has not failed, and somebody
    /// goes on with it.
    async fn was_fenced(&self, error: &JobError) -> bool {
        if error.is_fenced() {
            self.ceph.give_up();
            return true;
        }
        self.ceph.is_fenced().await
    }

    /// The two pools of a backup.
    async fn pools(&self, container: Option<&str>) -> rbd::Result<Pools> {
        let container = container.unwrap_or(&self.settings.default_container);
        Ok(Pools { volumes: self.ceph.volumes().clone(), backups: self.ceph.container(container).await? })
    }
}

/// What a job came to, besides what it has recorded itself.
enum Outcome {
    /// It was recorded.
    Recorded,
    /// It must stop where it is; the next claim goes on with it.
    Stopped,
}

/// Runs a job and records what became of it.
pub(crate) async fn run(scene: &Scene, held: &Held) {
    let started = std::time::Instant::now();
    tracing::info!(spec = ?held.job.spec, "job started");
    let ended = match &held.job.spec {
        JobSpec::BackupCreate { backup, incremental, .. } => {
            Box::pin(backup_create::run(scene, held, *backup, *incremental)).await
        }
        JobSpec::BackupDelete { backup, .. } => backup_delete::run(scene, held, *backup).await,
        JobSpec::BackupRestore { backup, volume, new_volume } => {
            backup_restore::run(scene, held, *backup, *volume, *new_volume).await
        }
        JobSpec::BackupVerify { backup } => Box::pin(backup_verify::run(scene, held, *backup, None)).await,
        JobSpec::SourceTrim { volume } => Box::pin(source_trim::run(scene, held, *volume)).await,
        JobSpec::BackupScrub { backup } => {
            Box::pin(backup_verify::run(scene, held, *backup, scene.settings.scrub_bytes_per_second)).await
        }
        JobSpec::BackupImport { backup, service, record } => {
            backup_import::run(scene, held, *backup, service, record).await
        }
        // what disagrees is found again the next time
        JobSpec::Reconcile | JobSpec::ReconcileVolume { .. } => nothing_to_do(held, "comparing was interrupted").await,
        JobSpec::VolumeCreate { volume, from } => volume::create(scene, held, *volume, *from).await,
        JobSpec::VolumeDelete { volume, cascade } => volume::delete(scene, held, *volume, *cascade).await,
        JobSpec::VolumeExtend { volume, new_size_gib, previous_status } => {
            volume::extend(scene, held, *volume, *new_size_gib, previous_status).await
        }
        JobSpec::SnapshotCreate { snapshot, volume } => snapshot::create(scene, held, *snapshot, *volume).await,
        JobSpec::SnapshotDelete { snapshot, volume } => snapshot::delete(scene, held, *snapshot, *volume).await,
    };
    let duration_ms = started.elapsed().as_millis();
    match ended {
        Ok(Outcome::Recorded) => tracing::info!(duration_ms, "job ended"),
        Ok(Outcome::Stopped) => stopped(scene, held).await,
        Err(error) if scene.was_fenced(&error).await => stopped(scene, held).await,
        Err(error) => unrecorded(held, &error).await,
    }
}

/// A job that was claimed and must not be begun: it goes back to the queue.
pub(crate) async fn not_begun(scene: &Scene, held: &Held, error: &JobError) {
    tracing::error!(error = error as &dyn std::error::Error, "the job was not begun");
    let delay = if scene.ceph.is_given_up() { Duration::ZERO } else { TRY_AGAIN };
    hand_back(held, delay, true, &error.to_string()).await;
}

/// A job that was stopped goes back to the queue, unless it is no longer ours.
async fn stopped(scene: &Scene, held: &Held) {
    match held.why() {
        Some(Stop::LeaseLost) => tracing::warn!("the job's lease was lost; another worker goes on with it"),
        _ if scene.ceph.is_given_up() => {
            tracing::warn!("another worker has fenced this one, which goes on over new connections");
            hand_back(held, Duration::ZERO, true, "the worker was fenced").await;
        }
        _ => hand_back(held, Duration::ZERO, true, "the worker was shut down").await,
    }
}

/// A job whose outcome could not be recorded is handed back, so that it is tried again; if that fails too,
/// its lease runs out, with the same result.
async fn unrecorded(held: &Held, error: &JobError) {
    tracing::error!(error = error as &dyn std::error::Error, "the job's outcome could not be recorded");
    hand_back(held, TRY_AGAIN, false, &error.to_string()).await;
}

async fn hand_back(held: &Held, delay: Duration, drained: bool, why: &str) {
    match held.catalog.release_job(&held.job, delay, drained, why).await {
        Ok(()) => tracing::info!(why, "job handed back"),
        Err(catalog::Error::Stale { .. }) => tracing::info!(why, "the job is another worker's by now"),
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the job could not be handed back"),
    }
}

/// Ends a job that has found nothing to do.
async fn nothing_to_do(held: &Held, why: &str) -> Result<Outcome, JobError> {
    tracing::info!(why, "nothing to do");
    held.persist(|| held.catalog.end_job(&held.job, JobEnd::Done)).await?;
    Ok(Outcome::Recorded)
}

/// Whether a job was claimed so often that it must have a reason.
fn given_up(held: &Held) -> Option<JobError> {
    (held.job.takeovers > MAX_ATTEMPTS)
        .then(|| JobError::Failed(format!("given up: {MAX_ATTEMPTS} workers went away while they worked on it")))
}

/// In what words somebody cancelled the job, if somebody did so who gave any.
async fn cancelled(held: &Held) -> Result<Option<String>, JobError> {
    Ok(held.persist(|| held.catalog.why_cancelled(&held.job)).await?)
}

/// Where the records say that a backup is.
///
/// `service_metadata` is text that may have come from outside: anything but an object with a string member
/// `base` counts as a row of an old release.
pub(crate) fn base_ref(backup: &catalog::backups::Backup, service_metadata: Option<&str>) -> BaseRef {
    BaseRef {
        backup: backup.id.0,
        volume: backup.volume_id.0,
        base: service_metadata.and_then(base_of),
        snapshot: backup.snapshot_id.map(|id| id.0),
        checksums: backup.checksums,
    }
}

/// The image that a `service_metadata` names.
pub(crate) fn base_of(service_metadata: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(service_metadata).ok()?;
    Some(value.get("base")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_read_from_what_cinder_writes() {
        assert_eq!(base_of(r#"{"base": "volume-1.backup.2"}"#).as_deref(), Some("volume-1.backup.2"));
        assert_eq!(base_of(r#"{"base": "x", "more": 1}"#).as_deref(), Some("x"));
        for other in ["", "null", "[]", "{}", r#"{"base": 1}"#, "{oops"] {
            assert_eq!(base_of(other), None, "{other}");
        }
    }
}
