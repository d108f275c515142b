//! `GET /snapshots/{id}` (API spec 11.2).

use identity::Rule;
use serde_json::json;

use super::{find, views};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;

pub(super) static SHOW: Operation =
    Operation::ok("Shows a snapshot.", &Shape::Record(&[Field::new("snapshot", Shape::Same(&views::FULL))]));

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let snapshot = find(&call).await?;
    call.allow(Rule::SnapshotGet, &snapshot)?;
    Reply::ok(&json!({ "snapshot": views::full(&call, &snapshot) }))
}
