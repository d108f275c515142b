//! `GET /types/{id}/encryption`: there are no encrypted types here.

use identity::Rule;
use serde_json::json;

use super::find;
use crate::call::Call;
use crate::fault::ApiError;
use crate::reply::Reply;

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    find(&call).await?;
    call.allow_own(Rule::TypeEncryptionGet)?;
    Reply::ok(&json!({}))
}
