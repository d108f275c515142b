//! `DELETE /volumes/{id}` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::{DeleteRejected, Deletion};
use identity::Rule;

use super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Form, Operation, Parameter};
use crate::reply::Reply;
use crate::wording::query_flag;

/// The version in which a query could force it.
const FORCE: u16 = 23;

pub(super) static DELETE: Operation = Operation::empty("Deletes a volume.", StatusCode::ACCEPTED).asks(&[
    Parameter::query("cascade", Form::Boolean, "Its snapshots as well."),
    Parameter::query("force", Form::BooleanSince(Microversion::v3(FORCE)), "In any state.")
        .since(Microversion::v3(FORCE)),
]);

pub(super) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let cascade = query_flag(&call, "cascade")?.unwrap_or(false);
    let force = call.has(FORCE) && query_flag(&call, "force")?.unwrap_or(false);
    run(&call, Deletion { cascade, force }, if force { Rule::VolumeForceDelete } else { Rule::VolumeDelete }).await
}

/// Deletes the volume that the path names.
pub(super) async fn run(call: &Call, how: Deletion, rule: Rule) -> Result<Reply, ApiError> {
    let volume = find(call).await?;
    call.allow(rule, &volume)?;
    match call.catalog().delete_volume(volume.id, &call.scope(), how, Some(call.request_id.as_str())).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(DeleteRejected::NotFound) => Err(missing(volume.id)),
        Err(DeleteRejected::Busy) => {
            let status = if how.force {
                ""
            } else {
                "status must be available or error or error_restoring or error_extending or error_managing and"
            };
            Err(ApiError::invalid_volume(format!(
                "Volume {status} must not be migrating, attached, belong to a group, have snapshots, awaiting a \
                 transfer, or be disassociated from snapshots after volume transfer."
            )))
        }
    }
}
