//! Ending on request: the first signal drains, the second ends.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Waits for SIGTERM or SIGINT, cancels `drain`, and returns when a second one comes.
///
/// # Errors
/// Signals can not be listened to.
pub(crate) async fn wait(drain: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    for first in [true, false] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if first {
            tracing::info!("draining; a second signal ends the process at once");
            drain.cancel();
        }
    }
    tracing::warn!("ending at once");
    Ok(())
}
