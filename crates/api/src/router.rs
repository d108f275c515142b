//! The route table.

use std::future::Future;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, on};

use crate::call::Call;
use crate::endpoint::{Actions, Endpoint};
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::reply::Reply;
use crate::state::Api;
use crate::{front, routes, unroutable};

/// Routes of one kind of record. Paths begin behind the project: `/backups/{id}`.
pub(crate) struct Routes(Router<Api>);

impl Routes {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Router::new())
    }

    /// `GET path`, since a version.
    pub(crate) fn get<H, F>(self, path: &str, since: Microversion, handler: H) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.add(MethodFilter::GET, path, Endpoint::plain(since, handler))
    }

    /// `DELETE path`, since a version.
    pub(crate) fn delete<H, F>(self, path: &str, since: Microversion, handler: H) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.add(MethodFilter::DELETE, path, Endpoint::plain(since, handler))
    }

    /// `POST path`, since a version.
    pub(crate) fn post<H, F>(self, path: &str, since: Microversion, handler: H) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.add(MethodFilter::POST, path, Endpoint::with_body(since, handler))
    }

    /// `PUT path`, since a version.
    pub(crate) fn put<H, F>(self, path: &str, since: Microversion, handler: H) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.add(MethodFilter::PUT, path, Endpoint::with_body(since, handler))
    }

    /// `POST path` with a body whose only key names what to do.
    pub(crate) fn actions(self, path: &str, actions: Actions) -> Self {
        self.add(MethodFilter::POST, path, Endpoint::actions(actions))
    }

    /// These and others.
    pub(crate) fn merge(self, other: Self) -> Self {
        Self(self.0.merge(other.0))
    }

    fn add(self, method: MethodFilter, path: &str, endpoint: Endpoint) -> Self {
        let handler = move |State(api): State<Api>, request: Request| {
            let endpoint = endpoint.clone();
            async move { endpoint.answer(api, request).await }
        };
        Self(self.0.route(path, on(method, handler)))
    }
}

/// The whole API as a service.
pub fn router(api: &Api) -> Router {
    let no_route = async |headers: HeaderMap| unroutable::no_route(&headers);
    let table = routes::all().0.fallback(no_route).method_not_allowed_fallback(no_route).with_state(api.clone());
    // in front of the table, not a layer of it: the path is rewritten before a route is looked up
    let front = tower::ServiceBuilder::new()
        .layer(axum::middleware::from_fn_with_state(api.clone(), front::front))
        // a mistake of ours is a 500 with a request id, not a lost connection
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(|_| {
            ApiError::internal("a handler panicked").into_response()
        }))
        .service(table);
    Router::new().fallback_service(front)
}
