//! What happens to every request before a route is looked up.
//!
//! In this order, which is the reference's (API spec 1.5): the request gets an id; its body is read, up to a
//! bound; the path is split into project and resource; documents that need no token are answered; the caller
//! is recognised. Everything under `/v3` that is a resource passes here, so no route can forget to ask who is
//! calling: a [`crate::call::Call`] can only be made of what this module leaves behind.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use identity::{AuthError, Context, Credentials};
use tracing::Instrument;

use crate::fault::ApiError;
use crate::links::Links;
use crate::path::{self, Place};
use crate::request_id::{self, RequestId};
use crate::state::Api;
use crate::{unroutable, versions};

/// The largest body that is read, as the reference's default.
const MAX_BODY: usize = 114_688;

/// What is known of a request when its route is looked up.
#[derive(Debug, Clone)]
pub(crate) struct Prelude {
    pub(crate) request_id: RequestId,
    pub(crate) context: Context,
    pub(crate) url_project: Option<String>,
    pub(crate) links: Links,
    pub(crate) body: Bytes,
}

/// The outermost layer.
pub(crate) async fn front(State(api): State<Api>, request: Request, next: Next) -> Response {
    let request_id = RequestId::random();
    let span = tracing::info_span!(
        "api.request",
        request.id = request_id.as_str(),
        request.global_id = request_id::global(request.headers()),
        http.method = %request.method(),
        http.path = request.uri().path(),
    );
    let mut response = answer(&api, &request_id, request, next).instrument(span.clone()).await;
    span.in_scope(|| tracing::debug!(http.status = response.status().as_u16(), "request answered"));
    request_id.stamp(response.headers_mut(), request_id::LOCAL);
    response
}

async fn answer(api: &Api, request_id: &RequestId, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = match read(&parts.headers, body, api.settings().body_timeout).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let links = Links::of_request(api.settings().public_url.as_deref(), &parts.headers, &parts.uri);
    let reading = matches!(parts.method, Method::GET | Method::HEAD);
    let (project, path) = match Place::of(&path::normal(parts.uri.path())) {
        Place::Root if reading => return versions::root(&parts.headers, &links, request_id),
        Place::Versions if reading => return versions::v3(&parts.headers, &links, request_id),
        Place::Health if reading => return versions::health(&parts.headers),
        Place::Description if reading => return versions::description(),
        Place::VersionsUnslashed if reading => {
            return match recognise(api, &parts.headers, None).await {
                Ok(_) => versions::redirect(&links),
                Err(error) => error.into_response(),
            };
        }
        Place::Project(project) if reading => {
            return match recognise(api, &parts.headers, Some(&project)).await {
                Ok(_) => versions::v3(&parts.headers, &links, request_id),
                Err(error) => error.into_response(),
            };
        }
        Place::Resource { project, path } => (project, path),
        Place::Root
        | Place::Versions
        | Place::VersionsUnslashed
        | Place::Project(_)
        | Place::Health
        | Place::Description
        | Place::Nowhere => return unroutable::no_route(&parts.headers),
    };
    let context = match recognise(api, &parts.headers, project.as_deref()).await {
        Ok(context) => context,
        Err(error) => return error.into_response(),
    };
    // HEAD is routed nowhere in the reference; the router would answer it as GET
    if parts.method == Method::HEAD || !rewrite(&mut parts, &path) {
        return unroutable::no_route(&parts.headers);
    }
    let links = links.with_project(project.as_deref());
    parts.extensions.insert(Prelude { request_id: request_id.clone(), context, url_project: project, links, body });
    next.run(Request::from_parts(parts, Body::empty())).await
}

/// Reads the body, or says why not.
async fn read(headers: &HeaderMap, body: Body, within: Duration) -> Result<Bytes, Response> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(unroutable::too_large(headers));
    }
    match tokio::time::timeout(within, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(unroutable::too_large(headers)),
        // cut off, or in chunks that are none
        Ok(Err(error)) => {
            tracing::debug!(error = &*error as &dyn Error, "the body can not be read");
            Err(ApiError::bad_request("The request's body could not be read.").into_response())
        }
        Err(_) => Err(unroutable::no_body(headers)),
    }
}

async fn recognise(api: &Api, headers: &HeaderMap, url_project: Option<&str>) -> Result<Context, ApiError> {
    // a token that is no text is not valid, which is not the same as none
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let credentials =
        Credentials { token: header("x-auth-token"), service_token: header("x-service-token"), url_project };
    match api.authenticator().authenticate(credentials).await {
        Ok(mut context) => {
            context.is_admin = api.policy().is_admin(&context);
            Ok(context)
        }
        Err(AuthError::Unauthorized) => Err(ApiError::Unauthorized { challenge: api.authenticator().challenge() }),
        Err(error @ AuthError::Unavailable { retry_after, .. }) => {
            Err(ApiError::Away { retry_after, source: Box::new(error) })
        }
    }
}

/// Gives the request the path that the route table knows.
fn rewrite(parts: &mut Parts, path: &str) -> bool {
    let text = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let Ok(path_and_query) = PathAndQuery::try_from(text) else { return false };
    parts.uri = Uri::from(path_and_query);
    true
}
