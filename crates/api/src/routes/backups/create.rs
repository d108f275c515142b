//! `POST /backups` (API spec 3.1, 5.3).

use axum::http::StatusCode;
use catalog::SnapshotId;
use catalog::backups::{CreateRejected, NewBackup};
use identity::Rule;
use serde_json::{Value, json};

use super::{snapshot_id, some_text, trimmed, view, visible_volume, volume_id};
use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::over_quota;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "backup",
        Schema::Object(&Object::strict(
            &[
                Key::new("volume_id", Schema::Uuid { nullable: false }),
                Key::new("container", Schema::text(0, 255)),
                Key::new("name", Schema::NAME),
                Key::new("description", Schema::DESCRIPTION),
                Key::new("incremental", Schema::Boolean { nullable: false }),
                Key::new("force", Schema::Boolean { nullable: false }),
                Key::new("snapshot_id", Schema::Uuid { nullable: true }),
                Key::since("metadata", Microversion::v3(43), Schema::Metadata { nullable: true }),
                Key::since("availability_zone", Microversion::v3(51), Schema::text(0, 255)),
            ],
            &["volume_id"],
        )),
    )],
    &["backup"],
));

pub(super) static CREATE: Operation =
    Operation::json("Begins a backup.", StatusCode::ACCEPTED, &view::SUMMARY_BODY).takes(&SCHEMA);

pub(super) async fn create(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["backup"];
    let volume = volume_id(body["volume_id"].as_str().unwrap_or_default())?;
    let source = visible_volume(&call, volume).await?;
    call.allow(Rule::BackupCreate, &source)?;
    let project = call.project(Rule::BackupCreate)?;
    let snapshot = match body["snapshot_id"].as_str() {
        Some(text) => Some(visible_snapshot(&call, snapshot_id(text)?).await?),
        None => None,
    };
    let new = NewBackup {
        project,
        user: call.user(),
        volume,
        snapshot,
        name: trimmed(&body["name"]),
        description: trimmed(&body["description"]),
        container: body["container"].as_str().map(str::to_owned),
        availability_zone: some_text(&body["availability_zone"]),
        metadata: schema::metadata(body.get("metadata")).unwrap_or_default(),
        incremental: flag(body, "incremental"),
        force: flag(body, "force"),
    };
    let made = call.catalog().create_backup(&new, &call.scope(), Some(call.request_id.as_str())).await?;
    let backup = made.map_err(refuse)?;
    Reply::json(StatusCode::ACCEPTED, &json!({ "backup": view::summary(&call, backup.id, backup.name.as_deref()) }))
}

fn flag(body: &Value, key: &str) -> bool {
    schema::boolean(body.get(key)).unwrap_or(false)
}

async fn visible_snapshot(call: &Call, id: SnapshotId) -> Result<SnapshotId, ApiError> {
    let snapshot = call.catalog().snapshot(id, &call.scope()).await?;
    let snapshot = snapshot.ok_or_else(|| ApiError::not_found("Snapshot", id))?;
    call.allow(Rule::SnapshotGet, &snapshot)?;
    Ok(id)
}

fn refuse(rejected: CreateRejected) -> ApiError {
    match rejected {
        CreateRejected::NoSuchVolume(id) => ApiError::not_found("Volume", id),
        CreateRejected::NoSuchSnapshot(id) => ApiError::not_found("Snapshot", id),
        CreateRejected::SnapshotOfOther { volume, of } => {
            ApiError::invalid_volume(format!("Volume {volume} does not match with snapshot.volume_id {of}."))
        }
        CreateRejected::SnapshotStatus(status) => ApiError::invalid_snapshot(format!(
            "Snapshot to be backed up must be available, but the current status is \"{status}\"."
        )),
        CreateRejected::VolumeStatus(status) => ApiError::invalid_volume(format!(
            "Volume to be backed up must be available or in-use, but the current status is \"{status}\"."
        )),
        CreateRejected::VolumeInUse => ApiError::invalid_volume("Backing up an in-use volume must use the force flag."),
        CreateRejected::Quota(exceeded) => over_quota::refuse(&exceeded),
        CreateRejected::NoParent => ApiError::invalid_backup("No backups available to do an incremental backup."),
    }
}
