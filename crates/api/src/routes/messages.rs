//! User messages (API spec 10.2), since 3.3.

mod delete;
mod list;
mod show;
mod view;

use catalog::MessageId;
use catalog::messages::Message;
use identity::Rule;

use crate::call::{Call, exact_uuid};
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    let since = Microversion::v3(3);
    Routes::new()
        .get("/messages", since, list::list, &list::LIST)
        .get("/messages/{id}", since, show::show, &show::SHOW)
        .delete("/messages/{id}", since, delete::delete, &delete::DELETE)
}

/// The message in the path that the caller can see and may do this with.
async fn find(call: &Call, rule: Rule) -> Result<Message, ApiError> {
    let message = match exact_uuid(call.param("id")) {
        Some(id) => call.catalog().message(MessageId(id), &call.scope()).await?,
        None => None,
    };
    let message = message.ok_or_else(|| ApiError::not_found("Message", call.param("id")))?;
    call.allow(rule, &message)?;
    Ok(message)
}
