//! `POST /os-volume-transfer`, `POST /volume-transfers` (API spec 11.3).

use axum::http::StatusCode;
use catalog::VolumeId;
use catalog::transfers::{CreateRejected, NewTransfer};
use identity::Rule;
use serde_json::json;

use super::super::volumes;
use super::view;
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema};

const VOLUME: Key = Key::new("volume_id", Schema::Uuid { nullable: false });
const NAME: Key = Key::new("name", Schema::text(0, 255));

static OLD: Schema = Schema::Object(&Object::strict(
    &[Key::new("transfer", Schema::Object(&Object::strict(&[VOLUME, NAME], &["volume_id"])))],
    &["transfer"],
));

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "transfer",
        Schema::Object(&Object::strict(
            &[VOLUME, NAME, Key::new("no_snapshots", Schema::Boolean { nullable: false })],
            &["volume_id"],
        )),
    )],
    &["transfer"],
));

pub(super) static WITHOUT_SNAPSHOTS: Operation =
    Operation::json("Begins a transfer of a volume without its snapshots.", StatusCode::ACCEPTED, &view::CREATED_BODY)
        .takes(&OLD);

/// `POST /os-volume-transfer`.
pub(super) async fn without_snapshots(call: Call) -> Result<Reply, ApiError> {
    run(&call, true).await
}

pub(super) static CREATE: Operation =
    Operation::json("Begins a transfer of a volume.", StatusCode::ACCEPTED, &view::CREATED_BODY).takes(&SCHEMA);

/// `POST /volume-transfers`.
pub(super) async fn create(call: Call) -> Result<Reply, ApiError> {
    run(&call, false).await
}

async fn run(call: &Call, no_snapshots: bool) -> Result<Reply, ApiError> {
    let body = &call.body()?["transfer"];
    let volume = volumes::by_id(call, body["volume_id"].as_str().unwrap_or_default()).await?;
    call.allow(Rule::TransferCreate, &volume)?;
    let new = NewTransfer {
        volume: volume.id,
        name: body["name"].as_str().map(|name| name.trim().to_owned()),
        no_snapshots: schema::boolean(body.get("no_snapshots")).unwrap_or(no_snapshots),
    };
    let made = call.catalog().create_transfer(&new, &call.scope()).await?;
    let made = made.map_err(|rejected| refuse(rejected, volume.id))?;
    let mut view = view::detail(call, &made.transfer);
    view["auth_key"] = json!(made.auth_key);
    Reply::json(StatusCode::ACCEPTED, &json!({ "transfer": view }))
}

fn refuse(rejected: CreateRejected, volume: VolumeId) -> ApiError {
    match rejected {
        CreateRejected::NotFound => ApiError::not_found("Volume", volume),
        CreateRejected::Status => ApiError::invalid_volume("status must be available"),
        CreateRejected::SnapshotStatus(id) => {
            ApiError::invalid_snapshot(format!("snapshot: {id} status must be available"))
        }
    }
}
