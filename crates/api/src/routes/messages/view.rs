//! A message in answers.

use catalog::messages::Message;
use serde::Serialize;
use uuid::Uuid;

use crate::call::Call;
use crate::links::Link;

#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    id: Uuid,
    event_id: String,
    user_message: String,
    message_level: &'a str,
    created_at: String,
    guaranteed_until: String,
    request_id: Option<&'a str>,
    links: [Link; 2],
    resource_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_uuid: Option<Uuid>,
}

pub(super) fn view<'a>(call: &Call, message: &'a Message) -> View<'a> {
    View {
        id: message.id.0,
        event_id: message.event_id(),
        user_message: message.text(),
        message_level: &message.message_level,
        created_at: message.created_at.to_string(),
        guaranteed_until: message.expires_at.to_string(),
        request_id: message.request_id.as_deref(),
        links: call.links.of("messages", message.id),
        resource_type: &message.resource_type,
        resource_uuid: message.resource_uuid,
    }
}
