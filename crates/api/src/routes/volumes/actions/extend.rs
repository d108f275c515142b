//! `os-extend` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::{ExtendRejected, Status};
use identity::Rule;

use super::super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::over_quota;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};
use crate::wording::gibibytes;

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-extend",
        Schema::Object(&Object::strict(
            &[Key::new("new_size", Schema::Integer { min: 1, max: i32::MAX as i64, or_digits: true, nullable: false })],
            &["new_size"],
        )),
    )],
    &["os-extend"],
));

/// The version from which on a volume grows while it is in use.
const IN_USE: u16 = 42;

pub(super) static EXTEND: Operation = Operation::empty("Makes a volume larger.", StatusCode::ACCEPTED).takes(&SCHEMA);

pub(super) async fn extend(call: Call) -> Result<Reply, ApiError> {
    let new_size = gibibytes(&call.body()?["os-extend"]["new_size"])?.ok_or_else(ApiError::malformed)?;
    let volume = find(&call).await?;
    let in_use = call.has(IN_USE);
    let attached = in_use && volume.status == Status::InUse;
    call.allow(if attached { Rule::VolumeExtendAttached } else { Rule::VolumeExtend }, &volume.project_id)?;
    let request = Some(call.request_id.as_str());
    let extended = call.catalog().extend_volume(volume.id, &call.scope(), new_size, in_use, request).await?;
    extended.map(|()| Reply::accepted()).map_err(|rejected| match rejected {
        ExtendRejected::NotFound => missing(volume.id),
        ExtendRejected::NotLarger { size_gib } => ApiError::invalid_input(format!(
            "New size for extend must be greater than current size. (current: {size_gib}, extended: {new_size})."
        )),
        ExtendRejected::Status(status) => ApiError::invalid_volume(format!(
            "Volume {} status must be '{{'status': 'available'}}' to extend, currently {status}.",
            volume.id
        )),
        ExtendRejected::Quota(exceeded) => over_quota::refuse(&exceeded),
    })
}
