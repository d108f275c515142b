//! Volumes (API spec 11.1).

mod actions;
mod create;
mod delete;
mod list;
mod metadata;
mod show;
mod summary;
mod update;
mod views;

use catalog::VolumeId;
use catalog::volumes::VolumeView;
use identity::Rule;

use crate::call::{Call, exact_uuid};
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/volumes", Microversion::MIN, list::summary, &list::SUMMARY)
        .get("/volumes/detail", Microversion::MIN, list::detail, &list::DETAIL)
        .get("/volumes/summary", Microversion::v3(12), summary::summary, &summary::SUMMARY)
        .post("/volumes", Microversion::MIN, create::create, &create::CREATE)
        .get("/volumes/{id}", Microversion::MIN, show::show, &show::SHOW)
        .put("/volumes/{id}", Microversion::MIN, update::update, &update::UPDATE)
        .delete("/volumes/{id}", Microversion::MIN, delete::delete, &delete::DELETE)
        .merge(metadata::routes())
        .merge(actions::routes())
}

/// The volume that the path names, if the caller can see it. A caller who may not see it is told what one is
/// told who names no volume (API spec 9.4).
pub(super) async fn find(call: &Call) -> Result<VolumeView, ApiError> {
    by_id(call, call.param("id")).await
}

/// As [`find`], for an id from wherever.
pub(super) async fn by_id(call: &Call, id: &str) -> Result<VolumeView, ApiError> {
    let found = match exact_uuid(id) {
        Some(id) => call.catalog().volume(VolumeId(id), &call.scope()).await?,
        None => None,
    };
    found.filter(|volume| call.may(Rule::VolumeGet, volume)).ok_or_else(|| missing(id))
}

/// 404 for a volume.
fn missing(id: impl std::fmt::Display) -> ApiError {
    ApiError::not_found("Volume", id)
}
