//! `GET /volume-transfers/{id}` (API spec 11.3).

use identity::Rule;
use serde_json::json;

use super::{find, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;

pub(super) static SHOW: Operation =
    Operation::ok("Shows a transfer.", &Shape::Record(&[Field::new("transfer", Shape::Same(&view::DETAIL))]));

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call, Rule::TransferGet).await?;
    Reply::ok(&json!({ "transfer": view::detail(&call, &found) }))
}
