//! `os-complete` of an attachment (API spec 11.1). What the body has beside the action's name does not matter.

use axum::http::StatusCode;
use identity::Rule;

use super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static COMPLETE: Operation = Operation::empty("Says that the host has the volume.", StatusCode::NO_CONTENT);

pub(super) async fn complete(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call).await?;
    call.allow(Rule::AttachmentComplete, &found)?;
    if call.catalog().complete_attachment(found.id, &call.scope()).await? {
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    } else {
        Err(missing(&call))
    }
}
