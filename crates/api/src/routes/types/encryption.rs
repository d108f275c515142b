//! `GET /types/{id}/encryption`: there are no encrypted types here.

use identity::Rule;
use serde_json::json;

use super::find;
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Operation, Shape};
use crate::reply::Reply;

pub(super) static SHOW: Operation =
    Operation::ok("Shows how the volumes of a type are encrypted: not at all.", &Shape::Record(&[]));

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    find(&call).await?;
    call.allow_own(Rule::TypeEncryptionGet)?;
    Reply::ok(&json!({}))
}
