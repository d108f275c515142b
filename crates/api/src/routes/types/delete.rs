//! `DELETE /types/{id}` (API spec 11.3).

use axum::http::StatusCode;
use catalog::types::DeleteRejected;
use identity::Rule;

use super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static DELETE: Operation = Operation::empty("Deletes a volume type.", StatusCode::ACCEPTED);

pub(super) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call).await?;
    call.allow_own(Rule::TypeDelete)?;
    let id = found.id;
    match call.catalog().delete_volume_type(id).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(DeleteRejected::NotFound) => Err(missing(id)),
        Err(DeleteRejected::InUse) => Err(ApiError::bad_request("Target volume type is still in use.")),
        Err(DeleteRejected::Default) => {
            Err(ApiError::bad_request(format!("The volume type {id} is a default volume type and cannot be deleted.")))
        }
        Err(DeleteRejected::Last) => Err(ApiError::bad_request(format!(
            "The volume type {id} is the only currently defined volume type and cannot be deleted."
        ))),
    }
}
