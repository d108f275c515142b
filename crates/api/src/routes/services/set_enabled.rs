//! `PUT /os-services/enable`, `/disable`, `/disable-log-reason` (API spec 11.3).

use axum::http::StatusCode;
use identity::Rule;
use serde_json::{Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;
use crate::schema::{Form, Key, Object, Schema, Text};

const FLAG_FIELDS: [Field; 5] = [
    Field::new("host", Shape::Text),
    Field::new("service", Shape::Text),
    Field::new("binary", Shape::Text),
    Field::new("status", Shape::OneOf(&["enabled", "disabled"])),
    Field::new("disabled", Shape::Boolean),
];

static FLAG: Shape = Shape::Record(&FLAG_FIELDS);

const KEYS: [Key; 4] = [
    Key::new("host", Schema::text(0, 255)),
    Key::new("binary", Schema::text(0, 255)),
    Key::new("service", Schema::text(0, 255)),
    Key::new("cluster", Schema::text(0, 255)),
];

static PLAIN: Schema = Schema::Object(&Object::strict(&KEYS, &[]));

static WITH_REASON: Schema = {
    const REASON: Text = Text { min: 1, max: 255, form: Form::Any, nullable: false };
    const ALL: [Key; 5] = {
        let [host, binary, service, cluster] = KEYS;
        [host, binary, service, cluster, Key::new("disabled_reason", Schema::Text(REASON))]
    };
    Schema::Object(&Object::strict(&ALL, &[]))
};

pub(super) static ENABLE: Operation = Operation::ok("Enables a service.", &FLAG).takes(&PLAIN);

pub(super) async fn enable(call: Call) -> Result<Reply, ApiError> {
    let body = call.body()?;
    set(&call, body, true, Echo::Flag).await
}

pub(super) static DISABLE: Operation = Operation::ok("Disables a service.", &FLAG).takes(&PLAIN);

pub(super) async fn disable(call: Call) -> Result<Reply, ApiError> {
    let body = call.body()?;
    set(&call, body, false, Echo::Flag).await
}

pub(super) static DISABLE_WITH_REASON: Operation = Operation::ok(
    "Disables a service and says why.",
    &Shape::Joined(&[&FLAG_FIELDS, &[Field::new("disabled_reason", Shape::OrNull(&Shape::Text))]]),
)
.takes(&WITH_REASON);

pub(super) async fn disable_with_reason(call: Call) -> Result<Reply, ApiError> {
    let body = call.body()?;
    set(&call, body, false, Echo::FlagAndReason).await
}

/// What the answer repeats of the request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    Flag,
    FlagAndReason,
}

async fn set(call: &Call, body: &Value, enabled: bool, echo: Echo) -> Result<Reply, ApiError> {
    call.allow_own(Rule::ServiceUpdate)?;
    let word = |key: &str| body[key].as_str().filter(|word| !word.is_empty());
    let host = word("host").ok_or_else(|| ApiError::invalid_input("Host field is missing."))?;
    let binary = word("binary")
        .or_else(|| word("service"))
        .ok_or_else(|| ApiError::invalid_input("Service or binary field is missing."))?;
    let reason = body["disabled_reason"].as_str();
    if !call.catalog().set_service_enabled(binary, host, enabled, reason).await? {
        return Err(ApiError::fault(
            StatusCode::NOT_FOUND,
            format!("Service {binary} could not be found on host {host}."),
        ));
    }
    let mut answer = json!({
        "host": host,
        "service": word("service").unwrap_or_default(),
        "binary": word("binary").unwrap_or_default(),
        "status": if enabled { "enabled" } else { "disabled" },
        "disabled": !enabled,
    });
    if echo == Echo::FlagAndReason
        && let Some(answer) = answer.as_object_mut()
    {
        answer.insert("disabled_reason".to_owned(), json!(reason));
    }
    Reply::ok(&answer)
}
