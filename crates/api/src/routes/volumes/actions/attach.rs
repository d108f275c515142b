//! `os-attach` (API spec 11.1).

use axum::http::StatusCode;
use catalog::attachments::{AttachRejected, Attaching, Mode};
use identity::Rule;
use uuid::Uuid;

use super::super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-attach",
        Schema::Object(&Object::strict(
            &[
                Key::new("instance_uuid", Schema::Uuid { nullable: true }),
                Key::new("host_name", Schema::text(0, 255)),
                Key::new("mountpoint", Schema::some_text(1, 255)),
                Key::new("mode", Schema::OneOf(&["rw", "ro"])),
            ],
            &["mountpoint"],
        )),
    )],
    &["os-attach"],
));

pub(super) static ATTACH: Operation =
    Operation::empty("Marks a volume as attached.", StatusCode::ACCEPTED).takes(&SCHEMA);

pub(super) async fn attach(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["os-attach"];
    let word = |key: &str| body[key].as_str().filter(|word| !word.is_empty());
    let attaching = Attaching {
        instance_uuid: word("instance_uuid").and_then(|id| Uuid::try_parse(id).ok()),
        host_name: word("host_name").map(str::to_owned),
        mountpoint: word("mountpoint").unwrap_or_default().to_owned(),
        mode: word("mode").and_then(|mode| mode.parse().ok()).unwrap_or(Mode::ReadWrite),
    };
    if attaching.instance_uuid.is_none() && attaching.host_name.is_none() {
        return Err(ApiError::bad_request("Invalid request to attach volume to an invalid target"));
    }
    let volume = find(&call).await?;
    call.allow(Rule::VolumeAttach, &volume)?;
    let attached = call.catalog().attach_volume(volume.id, &call.scope(), &attaching).await?;
    attached.map(|_| Reply::accepted()).map_err(|rejected| match rejected {
        AttachRejected::NotFound => missing(volume.id),
        AttachRejected::Attached => ApiError::invalid_volume("volume is already attached"),
        AttachRejected::Status(status) => ApiError::invalid_volume(format!(
            "Volume {} status must be available, but current status is: {status}.",
            volume.id
        )),
        AttachRejected::Readonly => {
            ApiError::bad_request(format!("Invalid attaching mode '{}' for volume {}.", attaching.mode, volume.id))
        }
    })
}
