//! `GET /attachments/{id}` (API spec 11.1).

use serde_json::json;

use super::{find, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static SHOW: Operation = Operation::ok("Shows an attachment.", &view::BODY);

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call).await?;
    Reply::ok(&json!({ "attachment": view::detail(&found) }))
}
