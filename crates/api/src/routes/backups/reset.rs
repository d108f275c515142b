//! `os-reset_status` (API spec 5.9).

use axum::http::StatusCode;
use catalog::backups::{ResetRejected, Status};
use identity::Rule;

use super::{find, unknown_backup};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-reset_status",
        Schema::Object(&Object::strict(&[Key::new("status", Schema::some_text(0, usize::MAX))], &["status"])),
    )],
    &["os-reset_status"],
));

pub(super) static RESET: Operation = Operation::empty("Sets a backup's status.", StatusCode::ACCEPTED).takes(&SCHEMA);

pub(super) async fn reset(call: Call) -> Result<Reply, ApiError> {
    let word = call.body()?["os-reset_status"]["status"].as_str().unwrap_or_default();
    let status = match word.to_lowercase().as_str() {
        "available" => Status::Available,
        "error" => Status::Error,
        _ => {
            return Err(ApiError::bad_request(format!(
                "Backup status: {word} is invalid, valid statuses are: ['available', 'error']."
            )));
        }
    };
    let backup = find(&call).await?;
    call.allow(Rule::BackupResetStatus, &backup)?;
    let done = call.catalog().reset_backup(backup.id, &call.scope(), status).await?;
    done.map(|()| Reply::accepted()).map_err(|rejected| match rejected {
        ResetRejected::NoSuchBackup(_) => unknown_backup(&call),
        ResetRejected::NoService => ApiError::no_backup_service(),
    })
}
