//! `DELETE /volume-transfers/{id}` (API spec 11.3).

use axum::http::StatusCode;
use identity::Rule;

use super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static DELETE: Operation =
    Operation::empty("Ends a transfer that nobody has accepted.", StatusCode::ACCEPTED);

pub(super) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call, Rule::TransferDelete).await?;
    if call.catalog().delete_transfer(found.id, &call.scope()).await? {
        Ok(Reply::accepted())
    } else {
        Err(missing(&call))
    }
}
