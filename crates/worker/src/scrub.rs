//! The scrub: every backup is read back once in so many days.

use std::time::Duration;

use catalog::Catalog;
use tokio_util::sync::CancellationToken;

/// How often it is looked which backups are due.
const EVERY: Duration = Duration::from_mins(1);

/// How often at most, however often backups are to be read.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// How many may wait in the queue for their turn.
const AHEAD: u32 = 4;

/// Puts backups that have not been read for so long into the queue, a few at a time, until stopped.
pub(crate) async fn run(catalog: &Catalog, every: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(every.clamp(AT_MOST_EVERY, EVERY));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match catalog.enqueue_scrubs(every, AHEAD).await {
            Ok(0) => {}
            Ok(due) => tracing::info!(due, "backups have not been read for long, and will be verified"),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "it could not be looked which backups are due"
                );
            }
        }
    }
}
