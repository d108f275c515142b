//! `POST /snapshots` (API spec 11.2).

use axum::http::StatusCode;
use catalog::snapshots::{CreateRejected, NewSnapshot};
use identity::Rule;
use serde_json::{Value, json};

use super::super::volumes;
use super::views;
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::over_quota;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema};
use crate::wording;

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "snapshot",
        Schema::Object(&Object::strict(
            &[
                Key::new("volume_id", Schema::Uuid { nullable: true }),
                Key::new("name", Schema::NAME),
                Key::new("display_name", Schema::NAME),
                Key::new("description", Schema::DESCRIPTION),
                Key::new("force", Schema::Boolean { nullable: false }),
                Key::new("metadata", Schema::Metadata { nullable: true }),
            ],
            &["volume_id"],
        )),
    )],
    &["snapshot"],
));

/// The version from which on a volume in use needs no force, and refusing force makes no sense.
const NO_FORCE: u16 = 66;

pub(super) static CREATE: Operation =
    Operation::json("Makes a snapshot.", StatusCode::ACCEPTED, &views::CHANGED_BODY).takes(&SCHEMA);

pub(super) async fn create(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["snapshot"];
    let in_use = in_use(&call, body)?;
    let volume = volumes::by_id(&call, body["volume_id"].as_str().unwrap_or("None")).await?;
    let project = call.project(Rule::SnapshotCreate)?;
    call.allow(Rule::SnapshotCreate, &volume)?;
    let new = NewSnapshot {
        volume: volume.id,
        project,
        user: call.user(),
        name: wording::text(body, "name", "display_name")?.flatten(),
        description: wording::text(body, "description", "description")?.flatten(),
        metadata: schema::metadata(body.get("metadata")).unwrap_or_default(),
        in_use,
    };
    let made = call.catalog().create_snapshot(&new, &call.scope(), Some(call.request_id.as_str())).await?;
    let snapshot = made.map_err(|rejected| match rejected {
        CreateRejected::NoSuchVolume => ApiError::not_found("Volume", new.volume),
        CreateRejected::VolumeStatus(status) => {
            let allowed = if in_use { "available, in-use" } else { "available" };
            ApiError::invalid_volume(format!(
                "Volume {} status must be {allowed}, but current status is: {status}.",
                new.volume
            ))
        }
        CreateRejected::Quota(exceeded) => over_quota::refuse(&exceeded),
    })?;
    Reply::json(StatusCode::ACCEPTED, &json!({ "snapshot": views::changed(&call, &snapshot) }))
}

/// Whether the volume may be in use.
fn in_use(call: &Call, body: &Value) -> Result<bool, ApiError> {
    let force = schema::boolean(body.get("force"));
    if !call.has(NO_FORCE) {
        return Ok(force.unwrap_or(false));
    }
    if force == Some(false) {
        return Err(ApiError::invalid_input(
            "Since microversion 3.66 a volume that is in use needs no force, and force can not be false",
        ));
    }
    Ok(true)
}
