//! `GET /messages/{id}`.

use identity::Rule;
use serde_json::json;

use super::find;
use super::view::{MESSAGE, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;

pub(super) static SHOW: Operation =
    Operation::ok("Shows a message.", &Shape::Record(&[Field::new("message", Shape::Same(&MESSAGE))]));

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let message = find(&call, Rule::MessageGet).await?;
    Reply::ok(&json!({ "message": view(&call, &message) }))
}
