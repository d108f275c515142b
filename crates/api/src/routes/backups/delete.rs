//! `DELETE /backups/{id}` (API spec 5.5).

use axum::http::StatusCode;
use catalog::backups::DeleteRejected;
use identity::Rule;

use super::{find, unknown_backup};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static DELETE: Operation = Operation::empty("Deletes a backup.", StatusCode::ACCEPTED);

pub(super) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let backup = find(&call).await?;
    call.allow(Rule::BackupDelete, &backup)?;
    let begun = call.catalog().delete_backup(backup.id, &call.scope(), Some(call.request_id.as_str())).await?;
    begun.map(|()| Reply::accepted()).map_err(|rejected| match rejected {
        DeleteRejected::NoSuchBackup(_) => unknown_backup(&call),
        DeleteRejected::Status(_) => ApiError::invalid_backup("Backup status must be available or error"),
        DeleteRejected::HasDependents => ApiError::invalid_backup("Incremental backups exist for this backup."),
        DeleteRejected::NoService => ApiError::no_backup_service(),
    })
}
