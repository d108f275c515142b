//! `os-set_bootable` (API spec 11.1).

use axum::http::StatusCode;
use identity::Rule;

use super::super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-set_bootable",
        Schema::Object(&Object::strict(&[Key::new("bootable", Schema::Boolean { nullable: false })], &["bootable"])),
    )],
    &["os-set_bootable"],
));

pub(super) static SET_BOOTABLE: Operation =
    Operation::empty("Says whether a volume can be booted from.", StatusCode::OK).takes(&SCHEMA);

pub(super) async fn set_bootable(call: Call) -> Result<Reply, ApiError> {
    let bootable = schema::boolean(call.body()?["os-set_bootable"].get("bootable")).unwrap_or(false);
    let volume = find(&call).await?;
    call.allow(Rule::VolumeSetBootable, &volume)?;
    if call.catalog().set_volume_bootable(volume.id, &call.scope(), bootable).await? {
        Ok(Reply::empty(StatusCode::OK))
    } else {
        Err(missing(volume.id))
    }
}
