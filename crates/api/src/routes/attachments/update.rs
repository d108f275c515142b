//! `PUT /attachments/{id}` (API spec 11.1).

use catalog::attachments::{ConnectRejected, Mode};
use catalog::volumes::Volume;
use identity::Rule;
use serde_json::json;
use uuid::Uuid;

use super::{connector, find, missing, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "attachment",
        Schema::Object(&Object::strict(
            &[Key::new("connector", Schema::AnyObject { nullable: false })],
            &["connector"],
        )),
    )],
    &["attachment"],
));

pub(super) static UPDATE: Operation = Operation::ok("Connects a volume to a host.", &view::BODY).takes(&SCHEMA);

pub(super) async fn update(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["attachment"];
    let settings = call.settings();
    let info = |volume: &Volume, attachment: Uuid, mode: Mode| {
        settings.connection.info(&settings.volume_host, volume, attachment, mode)
    };
    let connector = connector::read(&body["connector"], &info)?.ok_or_else(|| {
        ApiError::bad_request("Invalid input for field/attribute connector. Value: {}. {} should be non-empty")
    })?;
    let found = find(&call).await?;
    call.allow(Rule::AttachmentUpdate, &found)?;
    let connected = call.catalog().connect_attachment(found.id, &call.scope(), &connector).await?;
    let connected = connected.map_err(|rejected| match rejected {
        ConnectRejected::NotFound => missing(&call),
        ConnectRejected::Broken(status) => ApiError::invalid_volume(format!(
            "Volume attachments can not be updated if the volume is in an error state. The Volume {} currently has a \
             status of: {status} ",
            found.volume_id
        )),
        ConnectRejected::Duplicate => {
            ApiError::invalid_volume(format!("duplicate connectors detected on volume {}", found.volume_id))
        }
    })?;
    Reply::ok(&json!({ "attachment": view::detail(&connected) }))
}
