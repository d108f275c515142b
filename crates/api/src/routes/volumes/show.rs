//! `GET /volumes/{id}` (API spec 11.1).

use serde_json::json;

use super::{find, views};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;

pub(super) static SHOW: Operation =
    Operation::ok("Shows a volume.", &Shape::Record(&[Field::new("volume", Shape::Same(&views::FULL))]));

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let volume = find(&call).await?;
    Reply::ok(&json!({ "volume": views::full(&call, &volume) }))
}
