//! `os-force_delete` (API spec 5.5): the Ceph driver can not do it; a backup that is being made is cancelled and deleted.

use axum::http::StatusCode;
use catalog::backups::ForceDeleteRejected;
use identity::Rule;

use super::{find, unknown_backup};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static FORCE_DELETE: Operation =
    Operation::empty("Cancels a backup that is being made, and deletes it.", StatusCode::ACCEPTED)
        .refuses(&[StatusCode::METHOD_NOT_ALLOWED]);

/// Refuses backups in other states as the reference does with this driver, after the checks that come before the
/// driver is asked (recorded: also for a backup with increments).
pub(super) async fn force_delete(call: Call) -> Result<Reply, ApiError> {
    let backup = find(&call).await?;
    call.allow(Rule::BackupForceDelete, &backup)?;
    call.allow(Rule::BackupDelete, &backup)?;
    let (by, request_id) = (call.name_for(&backup.project_id), call.request_id.as_str());
    let begun = call.catalog().force_delete_backup(backup.id, &call.scope(), &by, Some(request_id)).await?;
    begun.map(|()| Reply::accepted()).map_err(|rejected| match rejected {
        ForceDeleteRejected::NoSuchBackup(_) => unknown_backup(&call),
        ForceDeleteRejected::Status(_) => {
            ApiError::fault(StatusCode::METHOD_NOT_ALLOWED, "Operation not supported: force delete.")
        }
        ForceDeleteRejected::HasDependents => ApiError::invalid_backup("Incremental backups exist for this backup."),
        ForceDeleteRejected::NoService => ApiError::no_backup_service(),
    })
}
