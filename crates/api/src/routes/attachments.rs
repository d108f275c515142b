//! Attachments in steps, since 3.27 (API spec 11.1).
//!
//! There are no rules for looking at attachments: who may see a volume may see them.

mod complete;
mod connector;
mod create;
mod delete;
mod list;
mod show;
mod update;
mod view;

use catalog::attachments::Attachment;
use catalog::{ProjectId, UserId};
use identity::Rule;

use crate::call::{Call, Owned, exact_uuid};
use crate::endpoint::Actions;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    let actions = Actions::new().on("os-complete", Microversion::v3(44), complete::complete, &complete::COMPLETE);
    Routes::new()
        .get("/attachments", SINCE, list::summary, &list::SUMMARY)
        .get("/attachments/detail", SINCE, list::detail, &list::DETAIL)
        .post("/attachments", SINCE, create::create, &create::CREATE)
        .get("/attachments/{id}", SINCE, show::show, &show::SHOW)
        .put("/attachments/{id}", SINCE, update::update, &update::UPDATE)
        .delete("/attachments/{id}", SINCE, delete::delete, &delete::DELETE)
        .actions("/attachments/{id}/action", actions)
}

/// The version that the routes appeared with.
const SINCE: Microversion = Microversion::v3(27);

impl Owned for Attachment {
    fn project(&self) -> &ProjectId {
        &self.project_id
    }

    fn user(&self) -> Option<&UserId> {
        None
    }
}

/// The attachment that the path names, if the caller can see its volume.
async fn find(call: &Call) -> Result<Attachment, ApiError> {
    let found = match exact_uuid(call.param("id")) {
        Some(id) => call.catalog().attachment(id, &call.scope()).await?,
        None => None,
    };
    found.filter(|attachment| call.may(Rule::VolumeGet, attachment)).ok_or_else(|| missing(call))
}

/// 404 for the attachment in the path.
fn missing(call: &Call) -> ApiError {
    let filter = format!("attachment_id = {}", call.param("id"));
    ApiError::fault(
        axum::http::StatusCode::NOT_FOUND,
        format!("Volume attachment could not be found with filter: {filter}."),
    )
}
