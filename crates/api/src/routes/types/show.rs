//! `GET /types/{id}`, `GET /types/default` (API spec 11.3).

use axum::http::StatusCode;
use identity::Rule;
use serde_json::json;

use super::{find, views};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static SHOW: Operation = Operation::ok("Shows a volume type.", &views::FULL_BODY);

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call).await?;
    call.allow_own(Rule::TypeGet)?;
    Reply::ok(&json!({ "volume_type": views::full(&call, &found) }))
}

pub(super) static DEFAULT: Operation = Operation::ok("Shows the default volume type.", &views::FULL_BODY);

pub(super) async fn default(call: Call) -> Result<Reply, ApiError> {
    let found = call.catalog().default_volume_type().await?;
    let found = found.ok_or_else(|| ApiError::fault(StatusCode::NOT_FOUND, "Default volume type can not be found."))?;
    call.allow_own(Rule::TypeGet)?;
    Reply::ok(&json!({ "volume_type": views::full(&call, &found) }))
}
