//! Answers to requests that are not done.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Components;
use crate::fault;

/// What any operation on a resource may answer: requests are read, recognised and allowed before any of them
/// is looked at.
const EVERY: [StatusCode; 10] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::NOT_ACCEPTABLE,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// What a document beside the resources may answer.
const OUTSIDE: [StatusCode; 4] =
    [StatusCode::BAD_REQUEST, StatusCode::NOT_ACCEPTABLE, StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE];

/// The refusals of an operation on a resource, with those of its own.
pub(super) fn of_resource(own: &[StatusCode]) -> impl Iterator<Item = StatusCode> {
    EVERY.into_iter().chain(own.iter().copied())
}

/// The refusals of a document beside the resources, with those of its own.
pub(super) fn of_document(own: &[StatusCode]) -> impl Iterator<Item = StatusCode> {
    OUTSIDE.into_iter().chain(own.iter().copied())
}

/// The response that describes a refusal with this status.
pub(super) fn response(status: StatusCode, components: &mut Components) -> Value {
    let name = fault::name(status);
    let fault = components.schema(name, |_| fault_schema(status, name));
    let unroutable =
        matches!(status, StatusCode::NOT_FOUND | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT);
    let text = json!({ "schema": { "type": "string" } });
    let content = match status {
        StatusCode::UNAUTHORIZED => json!({ "application/json": { "schema": unauthorized() } }),
        StatusCode::REQUEST_TIMEOUT => {
            json!({ "application/json": { "schema": outside(components) }, "text/html": text, "text/plain": text })
        }
        _ if unroutable => json!({
            "application/json": { "schema": { "anyOf": [fault, outside(components)] } },
            "text/html": text,
            "text/plain": text,
        }),
        _ => json!({ "application/json": { "schema": fault } }),
    };
    let mut headers =
        super::headers(unroutable || status == StatusCode::UNAUTHORIZED || status == StatusCode::BAD_REQUEST);
    match status {
        StatusCode::UNAUTHORIZED => headers["WWW-Authenticate"] = header("Where one gets a token.", "string"),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::SERVICE_UNAVAILABLE => {
            headers["Retry-After"] = header("Seconds after which it makes sense to ask again.", "integer");
        }
        _ => {}
    }
    json!({ "description": status.canonical_reason().unwrap_or_default(), "headers": headers, "content": content })
}

fn header(description: &str, kind: &str) -> Value {
    json!({ "description": description, "schema": { "type": kind } })
}

fn fault_schema(status: StatusCode, name: &str) -> Value {
    let mut members = json!({ "code": { "type": "integer" }, "message": { "type": "string" } });
    let mut required = vec!["code", "message"];
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        members["retryAfter"] = json!({ "type": "string" });
        required.push("retryAfter");
    }
    json!({
        "type": "object",
        "required": [name],
        "additionalProperties": false,
        "properties": {
            name: { "type": "object", "required": required, "properties": members, "additionalProperties": false },
        },
    })
}

/// The answer of the token filter.
fn unauthorized() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "additionalProperties": false,
        "properties": { "error": {
            "type": "object",
            "required": ["code", "title", "message"],
            "additionalProperties": false,
            "properties": {
                "code": { "type": "integer" },
                "title": { "type": "string" },
                "message": { "type": "string" },
            },
        } },
    })
}

/// The answer from in front of the resources.
fn outside(components: &mut Components) -> Value {
    components.schema("outside", |_| {
        json!({
            "type": "object",
            "required": ["code", "title", "message"],
            "additionalProperties": false,
            "properties": {
                "code": { "type": "string" },
                "title": { "type": "string" },
                "message": { "type": "string" },
            },
        })
    })
}
