//! `os-update_readonly_flag` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::ReadonlyRejected;
use identity::Rule;

use super::super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-update_readonly_flag",
        Schema::Object(&Object::strict(&[Key::new("readonly", Schema::Boolean { nullable: false })], &["readonly"])),
    )],
    &["os-update_readonly_flag"],
));

pub(super) static UPDATE_READONLY: Operation =
    Operation::empty("Says whether a volume may only be read.", StatusCode::ACCEPTED).takes(&SCHEMA);

pub(super) async fn update_readonly(call: Call) -> Result<Reply, ApiError> {
    let readonly = schema::boolean(call.body()?["os-update_readonly_flag"].get("readonly")).unwrap_or(false);
    let volume = find(&call).await?;
    call.allow(Rule::VolumeUpdateReadonly, &volume)?;
    match call.catalog().set_volume_readonly(volume.id, &call.scope(), readonly).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(ReadonlyRejected::NotFound) => Err(missing(volume.id)),
        Err(ReadonlyRejected::Status(status)) => Err(ApiError::invalid_volume(format!(
            "Volume {} status must be available to update readonly flag, but current status is: {status}.",
            volume.id
        ))),
    }
}
