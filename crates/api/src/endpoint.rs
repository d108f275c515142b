//! One route: how a request becomes a [`Call`], and an outcome an answer.
//!
//! The order of checks of API spec 1.5 is in [`Endpoint::answer`], once, for all routes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::call::Call;
use crate::fault::ApiError;
use crate::front::Prelude;
use crate::microversion::{HEADER, Microversion, VersionError};
use crate::openapi::Operation;
use crate::query::Pairs;
use crate::reply::Reply;
use crate::request_id::{self, RequestId};
use crate::state::Api;
use crate::unroutable;

/// A handler's result, on its way.
pub(crate) type Outcome = Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>;

type Handler = Arc<dyn Fn(Call) -> Outcome + Send + Sync>;

fn boxed<H, F>(handler: H) -> Handler
where
    H: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
{
    Arc::new(move |call| Box::pin(handler(call)))
}

/// What a route does.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Whichever kind of work that is.
    pub(crate) work: Work,
}

/// The kinds of work.
#[derive(Clone)]
pub(crate) enum Work {
    /// Reads or deletes: a body is refused.
    Plain(Method),
    /// Takes a body.
    WithBody(Method),
    /// Does what the body's only key says.
    Actions(Actions),
}

/// A handler, and what is said of it.
#[derive(Clone)]
pub(crate) struct Method {
    /// The version it appeared with.
    pub(crate) since: Microversion,
    /// What it takes and answers.
    pub(crate) operation: &'static Operation,
    handler: Handler,
}

/// The actions of one `/action` route, by name.
#[derive(Clone, Default)]
pub(crate) struct Actions(Vec<(&'static str, Method)>);

impl Actions {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One more action.
    pub(crate) fn on<H, F>(
        mut self,
        name: &'static str,
        since: Microversion,
        handler: H,
        operation: &'static Operation,
    ) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        self.0.push((name, Method { since, operation, handler: boxed(handler) }));
        self
    }

    /// Each of them, with its name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Method)> {
        self.0.iter().map(|(name, method)| (*name, method))
    }

    /// The action that a body names.
    fn choose(&self, body: Option<&Value>) -> Result<&Method, ApiError> {
        let unknown = |name: &str| {
            ApiError::bad_request(format!(
                "There is no such action: {name}. Verify the request body and Content-Type header and try again."
            ))
        };
        let members = match body {
            None => return Err(unknown("None")),
            Some(Value::Null) => return Err(ApiError::no_resource()),
            Some(Value::Object(members)) if members.len() == 1 => members,
            Some(_) => return Err(ApiError::malformed_body()),
        };
        let name = members.keys().next().map_or("", String::as_str);
        self.0.iter().find_map(|(own, method)| (*own == name).then_some(method)).ok_or_else(|| unknown(name))
    }
}

impl Endpoint {
    /// A route that takes no body.
    pub(crate) fn plain<H, F>(since: Microversion, handler: H, operation: &'static Operation) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        Self { work: Work::Plain(Method { since, operation, handler: boxed(handler) }) }
    }

    /// A route that takes a body.
    pub(crate) fn with_body<H, F>(since: Microversion, handler: H, operation: &'static Operation) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ApiError>> + Send + 'static,
    {
        Self { work: Work::WithBody(Method { since, operation, handler: boxed(handler) }) }
    }

    /// A route that does what its body names.
    pub(crate) fn actions(actions: Actions) -> Self {
        Self { work: Work::Actions(actions) }
    }

    /// Answers a request that was routed here.
    pub(crate) async fn answer(&self, api: Api, request: Request) -> Response {
        let (mut parts, _) = request.into_parts();
        let Some(prelude) = parts.extensions.remove::<Prelude>() else {
            return ApiError::internal("a request reached its route around the front").into_response();
        };
        let request_id = prelude.request_id.clone();
        let version = match Microversion::from_headers(&parts.headers) {
            Ok(version) => version,
            Err(error) => return refuse_version(error, &request_id),
        };
        let Ok(params) = params(&mut parts).await else { return unroutable::no_route(&parts.headers) };
        let outcome = self.run(api, version, prelude, params, &parts).await;
        let mut response = outcome.into_response();
        stamp(&mut response, version, &request_id);
        response
    }

    async fn run(
        &self,
        api: Api,
        version: Microversion,
        prelude: Prelude,
        params: Vec<(String, String)>,
        parts: &Parts,
    ) -> Result<Reply, ApiError> {
        api.admit(&prelude.context)?;
        check_content_type(&parts.headers, &prelude.body)?;
        let body = parse(&prelude.body)?;
        let method = match &self.work {
            Work::Plain(method) | Work::WithBody(method) => method,
            Work::Actions(actions) => actions.choose(body.as_ref())?,
        };
        if prelude.url_project.is_some() && prelude.url_project != prelude.context.project_id {
            return Err(ApiError::bad_request("Malformed request url"));
        }
        if version < method.since {
            return Err(ApiError::no_resource());
        }
        if matches!(self.work, Work::Plain(_)) && body.is_some() {
            return Err(ApiError::malformed());
        }
        let query = Pairs::parse(parts.uri.query().unwrap_or_default()).ok_or_else(ApiError::malformed)?;
        let Prelude { request_id, context, links, .. } = prelude;
        let headers = parts.headers.clone();
        let operation = method.operation;
        let call = Call { api, context, version, operation, request_id, links, query, headers, params, body };
        (method.handler)(call).await
    }
}

/// The parts of the path that the route leaves open. A route without any may stand for an id that is a word
/// with routes of its own (`DELETE /backups/detail`): there the last part is the `id`.
async fn params(parts: &mut Parts) -> Result<Vec<(String, String)>, RawPathParamsRejection> {
    let open = RawPathParams::from_request_parts(parts, &()).await?;
    let mut params: Vec<_> = open.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if params.is_empty()
        && let Some((_, last)) = parts.uri.path().rsplit_once('/')
    {
        params.push(("id".to_owned(), last.to_owned()));
    }
    Ok(params)
}

/// Types are compared as they stand; parameters do not matter.
fn check_content_type(headers: &HeaderMap, body: &Bytes) -> Result<(), ApiError> {
    if body.is_empty() {
        return Ok(());
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match media_type.split(';').next().unwrap_or_default().trim() {
        "application/json" | "application/vnd.openstack.volume+json" => Ok(()),
        _ => Err(ApiError::fault(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Content-Type")),
    }
}

/// The depth of a body is bounded by the parser.
fn parse(body: &Bytes) -> Result<Option<Value>, ApiError> {
    if body.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(body).map(Some).map_err(|_| ApiError::malformed_body())
}

/// Says in the answer which version was spoken, and which request it was.
pub(crate) fn stamp(response: &mut Response, version: impl std::fmt::Display, request_id: &RequestId) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(format!("volume {version}")) {
        headers.insert(HEADER, value);
    }
    headers.insert(VARY, HeaderValue::from_static("OpenStack-API-Version"));
    request_id.stamp(headers, request_id::COMPUTE);
}

/// Answers a request whose version is none (API spec 1.3).
pub(crate) fn refuse_version(error: VersionError, request_id: &RequestId) -> Response {
    match error {
        VersionError::Unsupported(asked) => {
            let (min, max) = (Microversion::MIN, Microversion::MAX);
            let message =
                format!("Version {asked} is not supported by the API. Minimum is {min} and maximum is {max}.");
            let mut response = ApiError::fault(StatusCode::NOT_ACCEPTABLE, message).into_response();
            stamp(&mut response, asked, request_id);
            response
        }
        VersionError::Format(asked) => {
            let message =
                format!("API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum.");
            unversioned(ApiError::bad_request(message), request_id)
        }
        VersionError::Malformed => unversioned(ApiError::malformed(), request_id),
    }
}

fn unversioned(error: ApiError, request_id: &RequestId) -> Response {
    let mut response = error.into_response();
    request_id.stamp(response.headers_mut(), request_id::COMPUTE);
    response
}
