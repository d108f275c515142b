//! A message in answers.

use catalog::Time;
use catalog::messages::Message;
use serde::Serialize;
use uuid::Uuid;

use crate::call::Call;
use crate::links::RecordLinks;

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
