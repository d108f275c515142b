//! Images whose lock somebody else keeps for himself.
//!
//! Clients of RBD give an image's lock to whoever asks for it; one that has acquired it for itself alone (`rbd map
//! --exclusive`, an import that runs) does not. What changes the image is refused then, at once, and is done
//! again here: the lock of a client that has died is free when its watch has run out, after 30 seconds, and an import ends.

use std::time::{Duration, Instant};

use chain::{Control, Error, Pools};
use rbd::Errno;

use crate::JobError;

/// How long it is tried in all.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long it waits before it tries again, at first …
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// … and at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// An operation that can be done again, and is, for as long as a lock stands in its way.
pub(super) struct Patience<'a> {
    pools: &'a Pools,
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

impl<'a> Patience<'a> {
    pub(super) fn new(pools: &'a Pools, then: &'static str) -> Self {
        let now = Instant::now();
        Self { pools, then, began: now, tried: now, pause: FIRST_PAUSE }
    }

    /// Waits, where the operation failed for a lock and may be tried again. One that is told to stop is tried again at
    /// once, and finds out by itself.
    ///
    /// # Errors
    /// It failed for something else, or the lock has been kept for too long: who keeps it is said, and what to do.
    pub(super) async fn outlast(&mut self, error: Error, control: &Control) -> Result<(), JobError> {
        let Some(Keeper { image, address }) = keeper(self.pools, &error).await else { return Err(error.into()) };
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
            () = control.cancel.cancelled() => {}
            () = tokio::time::sleep(self.pause) => {}
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.tried = Instant::now();
        Ok(())
    }
}

/// Who holds the lock of the image that an operation failed at; nobody where it failed for another reason.
async fn keeper(pools: &Pools, error: &Error) -> Option<Keeper> {
    let Error::Ceph(error) = error else { return None };
    if !matches!(error.errno, Errno::READ_ONLY | Errno::BUSY) {
        return None;
    }
    let path = error.object.split('@').next()?; // of a snapshot: its image
    for pool in [&pools.backups, &pools.volumes] {
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
