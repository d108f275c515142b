//! `DELETE /snapshots/{id}` (API spec 11.2).

use axum::http::StatusCode;
use catalog::snapshots::DeleteRejected;
use identity::Rule;

use super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static DELETE: Operation = Operation::empty("Deletes a snapshot.", StatusCode::ACCEPTED);

pub(super) async fn delete(call: Call) -> Result<Reply, ApiError> {
    run(&call, false, Rule::SnapshotDelete).await
}

/// Deletes the snapshot that the path names.
pub(super) async fn run(call: &Call, force: bool, rule: Rule) -> Result<Reply, ApiError> {
    let snapshot = find(call).await?;
    call.allow(rule, &snapshot)?;
    match call.catalog().delete_snapshot(snapshot.id, &call.scope(), force, Some(call.request_id.as_str())).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(DeleteRejected::NotFound) => Err(missing(snapshot.id)),
        Err(DeleteRejected::Status(_)) => Err(ApiError::invalid_snapshot(
            "Snapshot status must be available or error and must not be part of a group.",
        )),
    }
}
