//! Images whose lock somebody else keeps for himself.
//!
//! Clients of RBD give an image's lock to whoever asks for it; one that has acquired it for itself alone (`rbd map
//! --exclusive`, an import that runs) does not. What changes the image is refused then, at once, and is done
//! again here: the lock of a client that has died is free when its watch has run out, after 30 seconds, and an import ends.

use std::time::{Duration, Instant};

use chain::{Error, Interrupted, Pools};
use rbd::{Errno, Pool};
use tokio_util::sync::CancellationToken;

use super::Scene;
use crate::JobError;
use crate::lease::Held;

/// How long it is tried in all.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long it waits before it tries again, at first …
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// … and at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// An operation that can be done again, and is, for as long as a lock stands in its way.
pub(super) struct Patience {
    /// The pools that the image may be in.
    pools: Vec<Pool>,
    /// How what is refused for a lock is refused.
    refusals: &'static [Errno],
    /// What whoever asked for it may do once the lock is free.
    then: &'static str,
    began: Instant,
    /// When the last attempt began.
    tried: Instant,
    pause: Duration,
}

/// Who keeps which image.
struct Keeper {
    image: String,
    address: String,
}

impl Patience {
    pub(super) fn new(pools: &Pools, then: &'static str) -> Self {
        Self::within(vec![pools.backups.clone(), pools.volumes.clone()], &[Errno::READ_ONLY, Errno::BUSY], then)
    }

    fn within(pools: Vec<Pool>, refusals: &'static [Errno], then: &'static str) -> Self {
        let now = Instant::now();
        Self { pools, refusals, then, began: now, tried: now, pause: FIRST_PAUSE }
    }

    /// Waits, where the operation failed for a lock and may be tried again. One that is told to stop is tried again at
    /// once, and finds out by itself.
    ///
    /// # Errors
    /// It failed for something else, or the lock has been kept for too long: who keeps it is said, and what to do.
    pub(super) async fn outlast(
        &mut self,
        error: impl Into<JobError>,
        stop: &CancellationToken,
    ) -> Result<(), JobError> {
        let error = error.into();
        let Some(Keeper { image, address }) = self.keeper(&error).await else { return Err(error) };
        // the next attempt takes as long as this one: removing an image that is in use is tried for a minute by itself
        if self.began.elapsed() + self.pause + self.tried.elapsed() > PATIENCE {
            tracing::error!(%error, image, keeper = address, "somebody keeps the image's lock, and it was waited for in vain");
            let then = self.then;
            return Err(JobError::Failed(format!(
                "{image} is locked by {address}, which keeps it: end that client (or `ceph osd blocklist add {address}`), \
                 then {then}"
            )));
        }
        let pause_ms = self.pause.as_millis();
        tracing::warn!(%error, image, keeper = address, pause_ms, "somebody keeps the image's lock; trying again");
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(self.pause) => {}
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.tried = Instant::now();
        Ok(())
    }

    /// Who holds the lock of the image that an operation failed at; nobody where it failed for another reason.
    async fn keeper(&self, error: &JobError) -> Option<Keeper> {
        let (JobError::Chain(Error::Ceph(error)) | JobError::Ceph(error)) = error else { return None };
        if !self.refusals.contains(&error.errno) {
            return None;
        }
        let path = error.object.split('@').next()?; // of a snapshot: its image
        for pool in &self.pools {
            let Some(name) = path.strip_prefix(pool.name()).and_then(|rest| rest.strip_prefix('/')) else { continue };
            // the volumes' cluster may have a pool of the same name
            let Ok(image) = pool.open_read_only(name, None).await else { continue };
            let lockers = image.lockers().await;
            image.close().await;
            if let Some(address) = lockers.ok()?.into_iter().next() {
                return Some(Keeper { image: path.to_owned(), address });
            }
        }
        None
    }
}

/// Changes an image of a volume, over again while somebody keeps its lock, and names him in the end.
///
/// # Errors
/// It failed, the lock was kept for too long, or the job must stop.
pub(super) async fn patiently<F>(
    scene: &Scene,
    held: &Held,
    then: &'static str,
    change: impl Fn() -> F,
) -> Result<(), JobError>
where
    F: Future<Output = Result<(), JobError>>,
{
    // a snapshot of which there are clones is busy, whoever has the image's lock
    let mut patience = Patience::within(vec![scene.ceph.volumes().clone()], &[Errno::READ_ONLY], then);
    let stop = held.told_to_stop();
    while let Err(error) = change().await {
        patience.outlast(error, &stop).await?;
        if stop.is_cancelled() {
            return Err(Error::from(Interrupted::Cancelled).into());
        }
    }
    Ok(())
}
