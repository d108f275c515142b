//! `os-detach` (API spec 11.1).

use axum::http::StatusCode;
use catalog::attachments::DetachRejected;
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
        "os-detach",
        Schema::ObjectOrNull(&Object::strict(&[Key::new("attachment_id", Schema::Uuid { nullable: true })], &[])),
    )],
    &["os-detach"],
));

pub(super) static DETACH: Operation =
    Operation::empty("Marks a volume as detached.", StatusCode::ACCEPTED).takes(&SCHEMA);

pub(super) async fn detach(call: Call) -> Result<Reply, ApiError> {
    let attachment = call.body()?["os-detach"]["attachment_id"].as_str();
    let attachment = attachment.and_then(|id| Uuid::try_parse(id).ok());
    let volume = find(&call).await?;
    call.allow(Rule::VolumeDetach, &volume)?;
    let detached = call.catalog().detach_volume(volume.id, &call.scope(), attachment).await?;
    detached.map(|()| Reply::accepted()).map_err(|rejected| match rejected {
        DetachRejected::NotFound => missing(volume.id),
        DetachRejected::NoSuchAttachment(id) => ApiError::fault(
            StatusCode::NOT_FOUND,
            format!("Volume attachment could not be found with filter: attachment_id = {id}."),
        ),
        DetachRejected::Ambiguous => {
            ApiError::invalid_volume("Detach volume failed: More than one attachment, but no attachment_id provided.")
        }
    })
}
