//! `GET /backups/{id}/export_record` (API spec 5.7).
//!
//! Everything that a record says is in the row, so no worker has to be asked; that there is one is checked
//! all the same, as clients know it.

use catalog::backups::Status;
use identity::Rule;
use serde_json::json;

use super::{find, record};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;

pub(super) static EXPORT: Operation = Operation::ok(
    "Shows a backup's record, for an import elsewhere.",
    &Shape::Record(&[Field::new(
        "backup-record",
        Shape::Record(&[Field::new("backup_service", Shape::Text), Field::new("backup_url", Shape::Text)]),
    )]),
);

pub(super) async fn export(call: Call) -> Result<Reply, ApiError> {
    let backup = find(&call).await?;
    call.allow(Rule::BackupExport, &backup)?;
    if backup.status != Status::Available {
        let status = backup.status;
        return Err(ApiError::invalid_backup(format!("Backup status must be available and not {status}.")));
    }
    if call.catalog().usable_backup_service(backup.zone()).await?.is_none() {
        return Err(ApiError::no_backup_service());
    }
    let Some(service) = &backup.service else {
        return Err(ApiError::invalid_backup("Backup was never taken by a backup service."));
    };
    backup.must_be_ours().map_err(|another| ApiError::invalid_backup(format!("Export record aborted, {another}.")))?;
    let dependents = call.catalog().count_dependents(backup.id).await?;
    Reply::ok(&json!({ "backup-record": {
        "backup_service": service,
        "backup_url": record::encode(&backup, dependents),
    } }))
}
