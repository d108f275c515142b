//! What has to be looked at now and then, by whoever serves the API.

use std::time::Duration;

use catalog::Catalog;
use tokio_util::sync::CancellationToken;

/// How often.
const EVERY: Duration = Duration::from_secs(5);

/// How long the row of a job that has ended is kept.
const KEEP_JOBS: Duration = Duration::from_hours(24 * 7);

/// Ends the wait of backups for which there is no worker, and removes what has expired. Several processes may
/// do this at once.
pub(crate) async fn run(catalog: &Catalog, worker_wait: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match catalog.fail_unclaimed_creates(worker_wait).await {
            Ok(0) => {}
            Ok(failed) => tracing::warn!(failed, "backups failed: there was no worker to make them"),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "waiting backups could not be looked at");
                continue;
            }
        }
        for (what, removed) in [
            ("messages", catalog.reap_messages().await),
            ("jobs", catalog.reap_jobs(KEEP_JOBS).await),
            ("workers", catalog.reap_workers(rbd::FENCED_FOR).await),
        ] {
            match removed {
                Ok(0) => {}
                Ok(removed) => tracing::debug!(what, removed, "expired rows removed"),
                Err(error) => {
                    tracing::warn!(what, error = &error as &dyn std::error::Error, "expired rows could not be removed");
                }
            }
        }
    }
}
