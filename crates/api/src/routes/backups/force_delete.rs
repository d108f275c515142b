//! `os-force_delete` (API spec 5.5): the Ceph driver can not do it.

use axum::http::StatusCode;
use identity::Rule;

use super::find;
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static FORCE_DELETE: Operation =
    Operation::refused("Deletes a backup in any state, with a driver that can; Ceph's can not.")
        .refuses(&[StatusCode::METHOD_NOT_ALLOWED]);

/// Refuses, after the checks that come before the driver is asked (recorded: also for a backup with
/// increments).
pub(super) async fn force_delete(call: Call) -> Result<Reply, ApiError> {
    let backup = find(&call).await?;
    call.allow(Rule::BackupForceDelete, &backup)?;
    call.allow(Rule::BackupDelete, &backup)?;
    Err(ApiError::fault(StatusCode::METHOD_NOT_ALLOWED, "Operation not supported: force delete."))
}
