//! `POST /volume-transfers/{id}/accept` (API spec 11.3).

use axum::http::StatusCode;
use catalog::TransferId;
use catalog::transfers::{AcceptRejected, Accepting};
use identity::Rule;
use serde_json::json;

use super::{missing, view};
use crate::call::{Call, exact_uuid};
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::over_quota;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "accept",
        Schema::Object(&Object::strict(&[Key::new("auth_key", Schema::some_text(1, 255))], &["auth_key"])),
    )],
    &["accept"],
));

pub(super) static ACCEPT: Operation = Operation::json(
    "Accepts a transfer: the volume is the caller's project's then.",
    StatusCode::ACCEPTED,
    &Shape::Record(&[Field::new("transfer", Shape::Same(&view::SUMMARY))]),
)
.takes(&SCHEMA);

pub(super) async fn accept(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["accept"];
    let project = call.project(Rule::TransferAccept)?;
    call.allow(Rule::TransferAccept, &project)?;
    let accepting = Accepting {
        transfer: TransferId(exact_uuid(call.param("id")).ok_or_else(|| missing(&call))?),
        auth_key: body["auth_key"].as_str().unwrap_or_default().to_owned(),
        project,
        user: call.user(),
    };
    let accepted = call.catalog().accept_transfer(&accepting).await?;
    let accepted = accepted.map_err(|rejected| match rejected {
        AcceptRejected::NotFound => missing(&call),
        AcceptRejected::WrongKey => ApiError::bad_request(format!(
            "Invalid auth key: Attempt to transfer {} with invalid auth key.",
            accepting.transfer
        )),
        AcceptRejected::Status(status) => ApiError::invalid_volume(format!(
            "Transfer {}: volume status must be awaiting-transfer, but current status is {status}.",
            accepting.transfer
        )),
        AcceptRejected::Quota(exceeded) => over_quota::refuse(&exceeded),
    })?;
    Reply::json(StatusCode::ACCEPTED, &json!({ "transfer": view::summary(&call, &accepted) }))
}
