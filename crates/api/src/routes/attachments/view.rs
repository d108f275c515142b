//! Attachments in answers.

use catalog::Time;
use catalog::attachments::{Attachment, Mode, Status};
use serde_json::{Value, json};

use crate::openapi::{Field, Shape};

/// What [`summary`] makes.
const COMMON: [Field; 4] = [
    Field::new("id", Shape::Uuid),
    Field::new("status", Shape::Words(|| Status::ALL.iter().map(|status| status.as_str()).collect())),
    Field::new("instance", Shape::OrNull(&Shape::Uuid)),
    Field::new("volume_id", Shape::Uuid),
];

/// What [`detail`] adds.
const MORE: [Field; 4] = [
    Field::new("attached_at", Shape::Either(&[Shape::Time, Shape::OneOf(&[""])])),
    Field::new("detached_at", Shape::Either(&[Shape::Time, Shape::OneOf(&[""])])),
    Field::new("attach_mode", Shape::OneOf(&["rw", "ro", "null"])),
    Field::new("connection_info", Shape::Map(&Shape::Any)),
];

/// What the list shows, in the description.
pub(super) static SUMMARY: Shape = Shape::Named("VolumeAttachmentSummary", &Shape::Record(&COMMON));

/// What the detailed list shows, in the description.
pub(super) static DETAIL: Shape = Shape::Named("VolumeAttachment", &Shape::Joined(&[&COMMON, &MORE]));

/// What show, create and update answer, in the description.
pub(super) static BODY: Shape = Shape::Record(&[Field::new("attachment", Shape::Same(&DETAIL))]);

/// What the list shows.
pub(super) fn summary(attachment: &Attachment) -> Value {
    json!({
        "id": attachment.id,
        "status": attachment.status.as_str(),
        "instance": attachment.instance_uuid,
        "volume_id": attachment.volume_id,
    })
}

/// What show, create, update and the detailed list show. What has not happened yet is an empty text, and a mode that
/// nobody has chosen yet a word, as in the reference.
pub(super) fn detail(attachment: &Attachment) -> Value {
    let time = |at: Option<Time>| at.map_or_else(String::new, |at| at.to_string());
    let mut view = summary(attachment);
    view["attached_at"] = json!(time(attachment.attached_at));
    view["detached_at"] = json!(time(attachment.detached_at));
    view["attach_mode"] = json!(attachment.mode.map_or("null", Mode::as_str));
    view["connection_info"] = json!(*attachment.connection_info);
    view
}
