//! `GET /messages/{id}`.

use identity::Rule;
use serde_json::json;

use super::find;
use super::view::view;
use crate::call::Call;
use crate::fault::ApiError;
use crate::reply::Reply;

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let message = find(&call, Rule::MessageGet).await?;
    Reply::ok(&json!({ "message": view(&call, &message) }))
}
