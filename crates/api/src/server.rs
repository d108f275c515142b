//! Serving the API on a socket.

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use axum::serve::{Listener, ListenerExt};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::router::router;
use crate::state::Api;

/// For how long clients that knocked before the door was closed are let in.
const LATE: Duration = Duration::from_millis(50);

/// For how long a connection without a request is kept after that: a request may be on its way, and is answered.
const IDLE: Duration = Duration::from_secs(1);

/// Serves until told to stop, then lets the requests that are being answered finish, for as long as the
/// settings say. A connection that fails concerns nobody else.
///
/// A request that arrives while it stops, over a connection that was open before, is answered, and told that the
/// connection ends with it. New connections are refused: whoever is refused has sent nothing and can ask elsewhere.
pub async fn serve(listener: TcpListener, api: Api, shutdown: CancellationToken) {
    let settings = api.settings();
    let mut http = http1::Builder::new();
    // without a timer there is no end to the time for headers, and a few clients can keep every socket
    http.timer(TokioTimer::new()).header_read_timeout(settings.header_timeout);
    let stopping = shutdown.clone();
    let service = router(&api).map_request(|request: Request<Incoming>| request.map(Body::new));
    let service = service.map_response(move |mut response: Response| {
        if stopping.is_cancelled() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    });
    let service = TowerToHyperService::new(service);
    // answers are small and wanted at once; a socket that is gone already says so when it is read
    let mut listener = listener.tap_io(|socket| _ = socket.set_nodelay(true));
    let (connections, over) = (TaskTracker::new(), CancellationToken::new());
    let told = shutdown.clone();
    let mut closing = pin!(async {
        told.cancelled().await;
        tokio::time::sleep(LATE).await;
    });
    loop {
        let socket = tokio::select! {
            biased;
            (socket, _) = listener.accept() => socket,
            () = closing.as_mut() => break,
        };
        let connection = http.serve_connection(TokioIo::new(socket), service.clone());
        let (shutdown, over) = (shutdown.clone(), over.clone());
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = async { shutdown.cancelled().await; tokio::time::sleep(IDLE).await } => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        ended = connection => ended,
                        () = over.cancelled() => Ok(()),
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended before its time");
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(settings.drain, connections.wait()).await.is_err() {
        tracing::warn!("some requests were still being answered when the time to stop was over");
        over.cancel();
        connections.wait().await;
    }
}
