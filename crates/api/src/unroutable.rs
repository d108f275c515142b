//! Answers from in front of the API's resources: no such route, a body too large. They are no JSON faults;
//! their form follows the `Accept` header (API spec 1.5).

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::fault::NO_RESOURCE;

/// No such route.
pub(crate) fn no_route(headers: &HeaderMap) -> Response {
    answer(headers, StatusCode::NOT_FOUND, "Not Found", NO_RESOURCE)
}

/// The body is larger than we read. The `%s` is the reference's.
pub(crate) fn too_large(headers: &HeaderMap) -> Response {
    answer(
        headers,
        StatusCode::PAYLOAD_TOO_LARGE,
        "Request Entity Too Large",
        "Request is too large. Larger than max_request_body_size (%s).",
    )
}

/// The body did not arrive in time.
pub(crate) fn no_body(headers: &HeaderMap) -> Response {
    answer(headers, StatusCode::REQUEST_TIMEOUT, "Request Timeout", "The request's body did not arrive in time.")
}

enum Form {
    Json,
    Html,
    Plain,
}

fn form(headers: &HeaderMap) -> Form {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // the first of the forms that we know, in the client's order
    accept
        .split(',')
        .find_map(|offer| match offer.split(';').next().unwrap_or_default().trim() {
            "application/json" => Some(Form::Json),
            "text/html" | "*/*" => Some(Form::Html),
            "text/plain" => Some(Form::Plain),
            _ => None,
        })
        .unwrap_or(Form::Plain)
}

fn answer(headers: &HeaderMap, status: StatusCode, title: &str, message: &str) -> Response {
    let code = format!("{} {title}", status.as_u16());
    let (media_type, body) = match form(headers) {
        Form::Json => {
            let body = json!({ "message": format!("{message}<br /><br />\n\n\n"), "code": code, "title": title });
            ("application/json", body.to_string())
        }
        Form::Html => (
            "text/html; charset=UTF-8",
            format!(
                "<html>\n <head>\n  <title>{code}</title>\n </head>\n <body>\n  <h1>{code}</h1>\n  \
                 {message}<br /><br />\n\n\n\n </body>\n</html>"
            ),
        ),
        Form::Plain => ("text/plain; charset=UTF-8", format!("{code}\n\n{message}\n\n   ")),
    };
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
