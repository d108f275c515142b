//! `POST /backups/{id}/restore` (API spec 3.3, 5.6).

use axum::http::StatusCode;
use catalog::backups::{Restore, RestoreRejected, Status, Target};
use catalog::volumes::CreateRejected;
use identity::Rule;
use serde_json::json;

use super::{find, unknown_backup, visible_volume, volume_id};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::over_quota;
use crate::placement::placement;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "restore",
        Schema::Object(&Object::strict(
            &[Key::new("volume_id", Schema::Uuid { nullable: true }), Key::new("name", Schema::NAME)],
            &[],
        )),
    )],
    &["restore"],
));

pub(super) static RESTORE: Operation = Operation::json(
    "Begins a restore, onto a volume or a new one.",
    StatusCode::ACCEPTED,
    &Shape::Record(&[Field::new(
        "restore",
        Shape::Record(&[
            Field::new("backup_id", Shape::Uuid),
            Field::new("volume_id", Shape::Uuid),
            Field::new("volume_name", Shape::OrNull(&Shape::Text)),
        ]),
    )]),
)
.takes(&SCHEMA);

pub(super) async fn restore(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["restore"];
    let backup = find(&call).await?;
    call.allow(Rule::BackupRestore, &backup)?;
    let project = call.project(Rule::BackupRestore)?;
    // the backup's own state is told before anything about the target
    if backup.status != Status::Available {
        return Err(refuse(&call, RestoreRejected::Status(backup.status)));
    }
    let target = if let Some(text) = body["volume_id"].as_str() {
        let volume = volume_id(text)?;
        visible_volume(&call, volume).await?;
        Target::Volume(volume)
    } else {
        call.allow(Rule::VolumeCreate, &project)?;
        Target::New(body["name"].as_str().map(str::to_owned))
    };
    let restore = Restore { backup: backup.id, target, project, user: call.user() };
    let placement = placement(call.settings());
    let request_id = Some(call.request_id.as_str());
    let begun = call.catalog().restore_backup(&restore, &call.scope(), &placement, request_id).await?;
    let restoring = begun.map_err(|rejected| refuse(&call, rejected))?;
    Reply::json(
        StatusCode::ACCEPTED,
        &json!({ "restore": {
            "backup_id": backup.id,
            "volume_id": restoring.volume,
            "volume_name": restoring.name,
        } }),
    )
}

fn refuse(call: &Call, rejected: RestoreRejected) -> ApiError {
    match rejected {
        RestoreRejected::NoSuchBackup(_) => unknown_backup(call),
        RestoreRejected::Status(_) => ApiError::invalid_backup("Backup status must be available"),
        RestoreRejected::NoSize => ApiError::invalid_backup("Backup to be restored has invalid size"),
        RestoreRejected::NewVolume(CreateRejected::Quota(exceeded)) => over_quota::refuse_restore(&exceeded),
        // no type, zone or source was named, so nothing of the caller's can have been wrong
        RestoreRejected::NewVolume(other) => ApiError::internal(other),
        RestoreRejected::NoSuchVolume(id) => ApiError::not_found("Volume", id),
        RestoreRejected::VolumeStatus(_) => ApiError::invalid_volume("Volume to be restored to must be available"),
        RestoreRejected::TooSmall { volume_gib, backup_gib } => ApiError::invalid_volume(format!(
            "volume size {volume_gib} is too small to restore backup of size {backup_gib}."
        )),
        RestoreRejected::NoPlace(volume) => ApiError::invalid_volume(format!(
            "Error while creating volume {volume} for restoring backup {}.",
            call.param("id")
        )),
        RestoreRejected::NoService => ApiError::no_backup_service(),
    }
}
