//! `POST /cindervault/backups/{id}/verify`.

use axum::http::StatusCode;
use catalog::backups::VerifyRejected;
use identity::Rule;

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::routes::backups::{find, unknown_backup};

pub(super) static VERIFY: Operation =
    Operation::empty("Reads a backup back and compares it with its checksums.", StatusCode::ACCEPTED);

pub(super) async fn verify(call: Call) -> Result<Reply, ApiError> {
    let backup = find(&call).await?;
    call.allow(Rule::BackupVerify, &backup)?;
    let begun = call.catalog().verify_backup(backup.id, &call.scope(), Some(call.request_id.as_str())).await?;
    begun.map(|()| Reply::accepted()).map_err(|rejected| match rejected {
        VerifyRejected::NoSuchBackup(_) => unknown_backup(&call),
        VerifyRejected::Status(_) => ApiError::invalid_backup("Backup status must be available or restoring"),
        VerifyRejected::NoService => ApiError::no_backup_service(),
    })
}
