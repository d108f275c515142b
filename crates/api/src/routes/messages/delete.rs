//! `DELETE /messages/{id}`.

use axum::http::StatusCode;
use identity::Rule;

use super::find;
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static DELETE: Operation = Operation::empty("Deletes a message.", StatusCode::NO_CONTENT);

pub(super) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let message = find(&call, Rule::MessageDelete).await?;
    if !call.catalog().delete_message(message.id, &call.scope()).await? {
        return Err(ApiError::not_found("Message", message.id));
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
