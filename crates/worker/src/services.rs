//! Heartbeats: that there is a worker, and that the standalone volume source is served.

use catalog::Catalog;
use catalog::services::{BACKUP_BINARY, VOLUME_BINARY};
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::incarnation::Incarnations;

/// Records heartbeats until stopped.
pub(crate) async fn beat(catalog: &Catalog, us: &Incarnations, settings: &Settings, stop: CancellationToken) {
    let volume_host = format!("{}@{}", settings.host, settings.backend);
    let mut ticks = tokio::time::interval(settings.heartbeat);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let beat = async {
            ticks.tick().await;
            for (binary, host) in [(BACKUP_BINARY, &settings.host), (VOLUME_BINARY, &volume_host)] {
                if let Err(error) = catalog.heartbeat(binary, host, &settings.zone).await {
                    tracing::warn!(binary, error = &error as &dyn std::error::Error, "no heartbeat could be recorded");
                }
            }
            if let Err(error) = us.seen().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "no sign of life could be recorded");
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = beat => {}
        }
    }
}
