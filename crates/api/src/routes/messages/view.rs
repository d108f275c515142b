//! A message in answers.

use catalog::Time;
use catalog::messages::Message;
use serde::Serialize;
use uuid::Uuid;

use crate::call::Call;
use crate::links::RecordLinks;
use crate::openapi::{Field, LINK, Shape};

/// A [`View`] in the description.
pub(super) static MESSAGE: Shape = Shape::Named(
    "Message",
    &Shape::Record(&[
        Field::new("id", Shape::Uuid),
        Field::new("event_id", Shape::Text),
        Field::new("user_message", Shape::Text),
        Field::new("message_level", Shape::Text),
        Field::new("created_at", Shape::Time),
        Field::new("guaranteed_until", Shape::Time),
        Field::new("request_id", Shape::OrNull(&Shape::Text)),
        Field::new("links", Shape::List(&LINK)),
        Field::new("resource_type", Shape::Text),
        Field::new("resource_uuid", Shape::Uuid).sometimes(),
    ]),
);

#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    id: Uuid,
    event_id: String,
    user_message: String,
    message_level: &'a str,
    created_at: Time,
    guaranteed_until: Time,
    request_id: Option<&'a str>,
    links: RecordLinks<'a>,
    resource_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_uuid: Option<Uuid>,
}

pub(super) fn view<'a>(call: &'a Call, message: &'a Message) -> View<'a> {
    View {
        id: message.id.0,
        event_id: message.event_id(),
        user_message: message.text(),
        message_level: &message.message_level,
        created_at: message.created_at,
        guaranteed_until: message.expires_at,
        request_id: message.request_id.as_deref(),
        links: call.links.of("messages", message.id.0),
        resource_type: &message.resource_type,
        resource_uuid: message.resource_uuid,
    }
}
