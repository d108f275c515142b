//! The route table.

use std::future::Future;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, on};

use crate::call::Call;
use crate::endpoint::{Actions, Endpoint};
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::state::Api;
use crate::{front, routes, unroutable};

/// One route: what the router and the description are made of.
pub(crate) struct Route {
    /// The method.
    pub(crate) method: Method,
    /// The path behind the project: `/backups/{id}`.
    pub(crate) path: String,
    /// What it does.
    pub(crate) endpoint: Endpoint,
}

/// Routes of one kind of record. Paths begin behind the project: `/backups/{id}`.
pub(crate) struct Routes(Vec<Route>);

impl Routes {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// `GET path`, since a version.
    pub(crate) fn get<H, F>(self, path: &str, since: Microversion, handler: H, operation: &'static Operation) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.add(Method::GET, path, Endpoint::plain(since, handler, operation))
    }

    /// `DELETE path`, since a version.
    pub(crate) fn delete<H, F>(self, path: &str, since: Microversion, handler: H, operation: &'static Operation) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.add(Method::DELETE, path, Endpoint::plain(since, handler, operation))
    }

    /// `POST path`, since a version.
    pub(crate) fn post<H, F>(self, path: &str, since: Microversion, handler: H, operation: &'static Operation) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.add(Method::POST, path, Endpoint::with_body(since, handler, operation))
    }

    /// `POST path` without a body, since a version: the path says it all.
    pub(crate) fn post_empty<H, F>(
        self,
        path: &str,
        since: Microversion,
        handler: H,
        operation: &'static Operation,
    ) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.add(Method::POST, path, Endpoint::plain(since, handler, operation))
    }

    /// `PUT path`, since a version.
    pub(crate) fn put<H, F>(self, path: &str, since: Microversion, handler: H, operation: &'static Operation) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.add(Method::PUT, path, Endpoint::with_body(since, handler, operation))
    }

    /// `POST path` with a body whose only key names what to do.
    pub(crate) fn actions(self, path: &str, actions: Actions) -> Self {
        self.add(Method::POST, path, Endpoint::actions(actions))
    }

    /// These and others.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }

    fn add(mut self, method: Method, path: &str, endpoint: Endpoint) -> Self {
        self.0.push(Route { method, path: path.to_owned(), endpoint });
        self
    }

    /// What can be shown could be edited in a form, had the API any: the reference knows these paths, and answers
    /// them as a resource does (API spec 1.5). They are in no description.
    fn forms(&self) -> impl Iterator<Item = Route> {
        static FORM: Operation = Operation::refused("There are no forms.");
        let shown = self.iter().filter(|route| route.method == Method::GET && route.path.ends_with("/{id}"));
        let none = async |_| Err(ApiError::no_resource());
        shown.map(move |route| Route {
            method: Method::GET,
            path: format!("{}/edit", route.path),
            endpoint: Endpoint::plain(Microversion::MIN, none, &FORM),
        })
    }

    /// The table that requests are looked up in.
    fn into_router(self) -> Router<Api> {
        let forms: Vec<Route> = self.forms().collect();
        self.0.into_iter().chain(forms).fold(Router::new(), |router, Route { method, path, endpoint }| {
            let handler = move |State(api): State<Api>, request: Request| {
                let endpoint = endpoint.clone();
                async move { endpoint.answer(api, request).await }
            };
            router.route(&path, on(filter(&method), handler))
        })
    }
}

/// The methods that routes have; another one is answered by none.
fn filter(method: &Method) -> MethodFilter {
    MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::TRACE)
}

/// The whole API as a service.
pub fn router(api: &Api) -> Router {
    let no_route = async |headers: HeaderMap| unroutable::no_route(&headers);
    let table =
        routes::all().into_router().fallback(no_route).method_not_allowed_fallback(no_route).with_state(api.clone());
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
