//! Serving the API on a socket.

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::router::router;
use crate::state::Api;

/// Serves until told to stop, then lets the requests that are being answered finish, for as long as the
/// settings say.
///
/// # Errors
/// The socket failed.
pub async fn serve(listener: TcpListener, api: Api, shutdown: CancellationToken) -> std::io::Result<()> {
    let drain = api.settings().drain;
    let service: Router = router(&api);
    // answers are small and wanted at once; a socket that is gone already says so when it is read
    let listener = listener.tap_io(|socket| _ = socket.set_nodelay(true));
    let server = axum::serve(listener, service).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let gave_up = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        result = server => result,
        () = gave_up => {
            tracing::warn!("some requests were still being answered when the time to stop was over");
            Ok(())
        }
    }
}
