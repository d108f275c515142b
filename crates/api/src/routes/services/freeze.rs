//! `PUT /os-services/freeze`, `/thaw`: for backends that replicate, which the one here does not.

use identity::Rule;
use serde_json::Value;

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new("host", Schema::text(0, 255)), Key::new("cluster", Schema::text(0, 255))],
    &[],
));

pub(super) static REFUSE: Operation =
    Operation::refused("Freezes or thaws a backend that replicates; the one here does not.").takes(&SCHEMA);

pub(super) async fn refuse(call: Call) -> Result<Reply, ApiError> {
    let body = call.body()?;
    call.allow_own(Rule::ServiceUpdate)?;
    match body.get("host").and_then(Value::as_str).filter(|host| !host.is_empty()) {
        None => Err(ApiError::invalid_input("Host field is missing.")),
        Some(host) => Err(ApiError::invalid_input(format!("{host} has no backend that can be frozen"))),
    }
}
