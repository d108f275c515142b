//! `POST /attachments` (API spec 11.1).

use catalog::VolumeId;
use catalog::attachments::{CreateRejected, Mode, NewAttachment};
use catalog::volumes::{Status, Volume};
use identity::Rule;
use serde_json::json;
use uuid::Uuid;

use super::super::volumes;
use super::{connector, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "attachment",
        Schema::Object(&Object::strict(
            &[
                Key::new("instance_uuid", Schema::Uuid { nullable: false }),
                Key::new("connector", Schema::AnyObject { nullable: true }),
                Key::new("volume_uuid", Schema::Uuid { nullable: false }),
                Key::since("mode", Microversion::v3(54), Schema::OneOf(&["rw", "ro"])),
            ],
            &["volume_uuid"],
        )),
    )],
    &["attachment"],
));

pub(super) static CREATE: Operation =
    Operation::ok("Keeps a volume for a server, and connects it to a host when there is a connector.", &view::BODY)
        .takes(&SCHEMA);

pub(super) async fn create(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["attachment"];
    let volume = volumes::by_id(&call, body["volume_uuid"].as_str().unwrap_or_default()).await?;
    call.allow(Rule::AttachmentCreate, &volume)?;
    if volume.multiattach && volume.bootable && volume.status == Status::InUse {
        call.allow(Rule::MultiattachBootable, &volume)?;
    }
    let settings = call.settings();
    let info = |volume: &Volume, attachment: Uuid, mode: Mode| {
        settings.connection.info(&settings.volume_host, volume, attachment, mode)
    };
    let new = NewAttachment {
        volume: volume.id,
        instance_uuid: body["instance_uuid"].as_str().and_then(|id| Uuid::try_parse(id).ok()),
        mode: body["mode"].as_str().and_then(|mode| mode.parse().ok()),
        connector: connector::read(&body["connector"], &info)?,
    };
    let made = call.catalog().create_attachment(&new, &call.scope()).await?;
    let made = made.map_err(|rejected| refuse(rejected, volume.id))?;
    Reply::ok(&json!({ "attachment": view::detail(&made) }))
}

fn refuse(rejected: CreateRejected, volume: VolumeId) -> ApiError {
    match rejected {
        CreateRejected::NotFound => ApiError::not_found("Volume", volume),
        CreateRejected::Status { status, multiattach } => {
            let wanted = if multiattach { "available or in-use or downloading" } else { "available or downloading" };
            ApiError::invalid_volume(format!(
                "Volume {volume} status must be {wanted} to reserve, but the current status is {status}."
            ))
        }
        CreateRejected::Broken(status) => ApiError::invalid_volume(format!(
            "Volume attachments can not be created if the volume is in an error state. The Volume {volume} currently \
             has a status of: {status} "
        )),
    }
}
