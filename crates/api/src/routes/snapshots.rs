//! Snapshots (API spec 11.2).

mod actions;
mod create;
mod delete;
mod list;
mod metadata;
mod show;
mod update;
mod views;

use catalog::SnapshotId;
use catalog::snapshots::Snapshot;

use crate::call::{Call, exact_uuid};
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/snapshots", Microversion::MIN, list::summary, &list::SUMMARY)
        .get("/snapshots/detail", Microversion::MIN, list::detail, &list::DETAIL)
        .post("/snapshots", Microversion::MIN, create::create, &create::CREATE)
        .get("/snapshots/{id}", Microversion::MIN, show::show, &show::SHOW)
        .put("/snapshots/{id}", Microversion::MIN, update::update, &update::UPDATE)
        .delete("/snapshots/{id}", Microversion::MIN, delete::delete, &delete::DELETE)
        .merge(metadata::routes())
        .merge(actions::routes())
}

/// The snapshot that the path names, if it is in the caller's sight.
async fn find(call: &Call) -> Result<Snapshot, ApiError> {
    let id = call.param("id");
    let found = match exact_uuid(id) {
        Some(id) => call.catalog().snapshot(SnapshotId(id), &call.scope()).await?,
        None => None,
    };
    found.ok_or_else(|| missing(id))
}

/// 404 for a snapshot.
fn missing(id: impl std::fmt::Display) -> ApiError {
    ApiError::not_found("Snapshot", id)
}
