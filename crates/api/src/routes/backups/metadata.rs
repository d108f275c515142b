//! `DELETE /backups/{id}/metadata/{key}`: the reference has no such route, but its client calls it
//! (API spec 13).

use axum::http::StatusCode;
use identity::Rule;

use super::{find, unknown_backup};
use crate::call::Call;
use crate::fault::ApiError;
use crate::reply::Reply;

pub(super) async fn delete_key(call: Call) -> Result<Reply, ApiError> {
    let backup = find(&call).await?;
    call.allow(Rule::BackupUpdate, &backup.project_id)?;
    match call.catalog().delete_backup_metadata_key(backup.id, &call.scope(), call.param("key")).await? {
        None => Err(unknown_backup(&call)),
        Some(false) => Err(ApiError::fault(
            StatusCode::NOT_FOUND,
            format!("Backup {} has no metadata with key {}.", backup.id, call.param("key")),
        )),
        Some(true) => Ok(Reply::empty(StatusCode::OK)),
    }
}
