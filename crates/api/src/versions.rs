//! What stands beside the API's resources: which versions there are, what they can do, and whether we are alive
//! (API spec 1.1). Most of it can be asked without a token.

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::endpoint;
use crate::links::Links;
use crate::microversion::Microversion;
use crate::openapi::{Field, Operation, Shape, openapi};
use crate::reply::Reply;
use crate::request_id::RequestId;

/// These documents in the description: those that need no token.
pub(crate) static OPEN: &[(&str, &Operation)] = &[
    ("/", &Operation::json("Which versions there are.", StatusCode::MULTIPLE_CHOICES, &VERSIONS)),
    ("/v3/", &Operation::ok("The same.", &VERSIONS)),
    ("/healthcheck", &Operation::json_or_text("Whether the process answers.", &HEALTH)),
    ("/openapi.json", &Operation::ok("This description.", &Shape::Map(&Shape::Any))),
];

/// And those that need one.
pub(crate) static GUARDED: &[(&str, &Operation)] = &[
    ("/v3", &Operation::empty("Leads to `/v3/`.", StatusCode::FOUND).refuses(&[StatusCode::SERVICE_UNAVAILABLE])),
    // a word that is no project's is a route that there is not
    (
        "/v3/{project_id}",
        &Operation::ok("The same as `/v3/`.", &VERSIONS)
            .refuses(&[StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE]),
    ),
];

static VERSIONS: Shape = Shape::Named(
    "Versions",
    &Shape::Record(&[Field::new(
        "versions",
        Shape::List(&Shape::Record(&[
            Field::new("id", Shape::Text),
            Field::new("status", Shape::OneOf(&["CURRENT"])),
            Field::new("version", Shape::Text),
            Field::new("min_version", Shape::Text),
            Field::new("updated", Shape::Text),
            Field::new("links", Shape::List(&Shape::Map(&Shape::Text))),
            Field::new("media-types", Shape::List(&Shape::Map(&Shape::Text))),
        ])),
    )]),
);

static HEALTH: Shape =
    Shape::Record(&[Field::new("detailed", Shape::Boolean), Field::new("reasons", Shape::List(&Shape::Text))]);

/// `GET /`.
pub(crate) fn root(headers: &HeaderMap, links: &Links, request_id: &RequestId) -> Response {
    document(headers, links, request_id, StatusCode::MULTIPLE_CHOICES)
}

/// `GET /v3/`, and what clients without a catalogue make of it.
// the reference asks for a token here, too; clients that have none yet are told all the same, as by `GET /`
pub(crate) fn v3(headers: &HeaderMap, links: &Links, request_id: &RequestId) -> Response {
    document(headers, links, request_id, StatusCode::OK)
}

/// `GET /v3`.
pub(crate) fn redirect(links: &Links) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf8"));
    if let Ok(address) = HeaderValue::try_from(links.version()) {
        response.headers_mut().insert(LOCATION, address);
    }
    response
}

fn document(headers: &HeaderMap, links: &Links, request_id: &RequestId, status: StatusCode) -> Response {
    let version = match Microversion::from_headers(headers) {
        Ok(version) => version,
        Err(error) => return endpoint::refuse_version(error, request_id),
    };
    let document = json!({ "versions": [{
        "id": "v3.0",
        "status": "CURRENT",
        "version": Microversion::MAX.to_string(),
        "min_version": Microversion::MIN.to_string(),
        "updated": "2023-08-31T00:00:00Z",
        "links": [
            { "rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/" },
            { "rel": "self", "href": links.version() },
        ],
        "media-types": [
            { "base": "application/json", "type": "application/vnd.openstack.volume+json;version=3" },
        ],
    }] });
    let mut response = Reply::json(status, &document).into_response();
    endpoint::stamp(&mut response, version, request_id);
    response
}

/// `GET /openapi.json`.
pub(crate) fn description() -> Response {
    let mut response = openapi().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `GET /healthcheck`: the process answers. Whether the database does is not its business, so that a
/// balancer does not take every process away at once.
pub(crate) fn health(headers: &HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media_type, body) = if accept.contains("application/json") {
        ("application/json", r#"{"detailed": false, "reasons": ["OK"]}"#)
    } else {
        ("text/plain; charset=UTF-8", "OK")
    };
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
