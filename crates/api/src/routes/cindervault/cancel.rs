//! `POST /cindervault/backups/{id}/cancel`.

use axum::http::StatusCode;
use catalog::backups::CancelRejected;
use identity::Rule;

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::routes::backups::{find, unknown_backup};

pub(super) static CANCEL: Operation =
    Operation::empty("Cancels the create of a backup, or a restore of it.", StatusCode::ACCEPTED);

pub(super) async fn cancel(call: Call) -> Result<Reply, ApiError> {
    let backup = find(&call).await?;
    call.allow(Rule::BackupCancel, &backup)?;
    let by = call.name_for(&backup.project_id);
    let asked = call.catalog().cancel_backup(backup.id, &call.scope(), &by).await?;
    asked.map(|()| Reply::accepted()).map_err(|rejected| match rejected {
        CancelRejected::NoSuchBackup(_) => unknown_backup(&call),
        CancelRejected::Status(_) => ApiError::invalid_backup("Backup status must be creating or restoring"),
    })
}
