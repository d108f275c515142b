//! `POST /volumes` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::{CreateRejected, NewVolume, Source};
use catalog::{BackupId, SnapshotId, VolumeId};
use identity::Rule;
use serde_json::{Value, json};

use super::{missing, views};
use crate::call::{Call, exact_uuid};
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::over_quota;
use crate::placement::placement;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema, Unknown};
use crate::wording::{self, gibibytes};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[
        Key::new("volume", Schema::Object(&VOLUME)),
        Key::new("OS-SCH-HNT:scheduler_hints", Schema::AnyObject { nullable: true }),
    ],
    &["volume"],
));

static VOLUME: Object = Object {
    keys: &[
        Key::new("name", Schema::text(0, usize::MAX)),
        Key::new("description", Schema::text(0, usize::MAX)),
        Key::new("display_name", Schema::text(0, usize::MAX)),
        Key::new("display_description", Schema::text(0, usize::MAX)),
        Key::new("volume_type", Schema::text(0, 255)),
        Key::new("metadata", Schema::Metadata { nullable: true }),
        Key::new("snapshot_id", Schema::Uuid { nullable: true }),
        Key::new("source_volid", Schema::Uuid { nullable: true }),
        Key::new("consistencygroup_id", Schema::Uuid { nullable: true }),
        Key::new("size", Schema::Integer { min: 1, max: i32::MAX as i64, or_digits: true, nullable: true }),
        Key::new("availability_zone", Schema::text(1, 255)),
        Key::new("multiattach", Schema::Boolean { nullable: true }),
        Key::new("image_id", Schema::text(0, 255)),
        Key::new("imageRef", Schema::text(0, 255)),
        Key::since("group_id", Microversion::v3(13), Schema::text(0, 255)),
        Key::since("backup_id", Microversion::v3(47), Schema::Uuid { nullable: true }),
    ],
    required: &[],
    unknown: Unknown::RefusedSince(Microversion::v3(53)),
    at_least: None,
};

/// The version in which a volume could be made from a backup.
const FROM_BACKUP: u16 = 47;

pub(super) static CREATE: Operation =
    Operation::json("Makes a volume.", StatusCode::ACCEPTED, &views::CHANGED_BODY).takes(&SCHEMA);

pub(super) async fn create(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["volume"];
    let project = call.project(Rule::VolumeCreate)?;
    call.allow(Rule::VolumeCreate, &project)?;
    let from = word(body, "backup_id").filter(|_| call.has(FROM_BACKUP));
    let sources = [word(body, "snapshot_id"), word(body, "source_volid"), image(body), from];
    if sources.into_iter().flatten().count() > 1 {
        return Err(ApiError::invalid_input("May specify only one of backup, imageRef, snapshot, source_volume"));
    }
    refuse_what_is_not_here(&call, body)?;
    let new = NewVolume {
        project,
        user: call.user(),
        name: wording::text(body, "name", "display_name")?.flatten(),
        description: wording::text(body, "description", "display_description")?.flatten(),
        size_gib: gibibytes(&body["size"])?,
        volume_type: word(body, "volume_type").map(str::to_owned),
        availability_zone: word(body, "availability_zone").map(str::to_owned),
        metadata: schema::metadata(body.get("metadata")).unwrap_or_default(),
        private_types: call.context.is_admin,
    };
    let placement = placement(call.settings());
    let request = Some(call.request_id.as_str());
    let made = match from {
        Some(backup) => {
            let backup = readable(&call, backup).await?;
            call.catalog().create_volume_from_backup(&new, backup, &call.scope(), &placement, request).await?
        }
        None => call.catalog().create_volume(&new, source(body)?, &call.scope(), &placement, request).await?,
    };
    let volume = made.map_err(refuse)?;
    Reply::json(StatusCode::ACCEPTED, &json!({ "volume": views::changed(&call, &volume) }))
}

/// A text that is there and says something.
fn word<'a>(body: &'a Value, key: &str) -> Option<&'a str> {
    body[key].as_str().filter(|word| !word.is_empty())
}

fn image(body: &Value) -> Option<&str> {
    word(body, "imageRef").or_else(|| word(body, "image_id"))
}

/// What a new volume is made from. An id that is not in the canonical form names nothing.
fn source(body: &Value) -> Result<Source, ApiError> {
    if let Some(id) = word(body, "snapshot_id") {
        let id = exact_uuid(id).ok_or_else(|| ApiError::not_found("Snapshot", id))?;
        return Ok(Source::Snapshot(SnapshotId(id)));
    }
    if let Some(id) = word(body, "source_volid") {
        return Ok(Source::Volume(VolumeId(exact_uuid(id).ok_or_else(|| missing(id))?)));
    }
    Ok(Source::Empty)
}

/// The backup of this id, if the caller may see it.
async fn readable(call: &Call, id: &str) -> Result<BackupId, ApiError> {
    let missing = || ApiError::not_found("Backup", id);
    let found = BackupId(exact_uuid(id).ok_or_else(missing)?);
    let backup = call.catalog().backup(found, &call.scope()).await?.ok_or_else(missing)?;
    call.allow(Rule::BackupGet, &backup)?;
    Ok(found)
}

/// There are no images, no groups and no volumes for several servers.
fn refuse_what_is_not_here(call: &Call, body: &Value) -> Result<(), ApiError> {
    if schema::boolean(body.get("multiattach")) == Some(true) {
        return Err(ApiError::bad_request(
            "multiattach parameter has been removed. The default behavior is to use multiattach enabled volume types.",
        ));
    }
    if let Some(group) = word(body, "consistencygroup_id") {
        return Err(ApiError::not_found("ConsistencyGroup", group));
    }
    if let Some(group) = word(body, "group_id").filter(|_| call.has(13)) {
        return Err(ApiError::not_found("Group", group));
    }
    if image(body).is_some() {
        return Err(ApiError::bad_request("Invalid image identifier or unable to access requested image."));
    }
    Ok(())
}

fn refuse(rejected: CreateRejected) -> ApiError {
    match rejected {
        CreateRejected::NoSuchType(word) if exact_uuid(&word).is_some() => ApiError::not_found("Volume type", word),
        CreateRejected::NoSuchType(word) => ApiError::not_found("Volume type with name", word),
        CreateRejected::NoSuchSnapshot(id) => ApiError::not_found("Snapshot", id),
        CreateRejected::NoSuchVolume(id) => missing(id),
        CreateRejected::NoSuchBackup(id) => ApiError::not_found("Backup", id),
        CreateRejected::SnapshotStatus => {
            ApiError::invalid_snapshot("Originating snapshot status must be one of 'available' values")
        }
        CreateRejected::VolumeStatus => {
            ApiError::invalid_volume("Originating volume status must be one of 'available, in-use' values")
        }
        CreateRejected::BackupStatus => {
            ApiError::invalid_backup("Originating backup status must be one of 'available' values")
        }
        CreateRejected::NoSize => ApiError::malformed(),
        CreateRejected::TooSmall { size_gib, source_gib } => ApiError::invalid_input(format!(
            "Volume size '{size_gib}'GB cannot be smaller than the size of what it is made from, {source_gib}GB."
        )),
        CreateRejected::NoSuchZone(zone) => ApiError::bad_request(format!("Availability zone '{zone}' is invalid.")),
        CreateRejected::OtherZone => {
            ApiError::invalid_input("Volume must be in the same availability zone as what it is made from")
        }
        CreateRejected::Quota(exceeded) => over_quota::refuse(&exceeded),
    }
}
