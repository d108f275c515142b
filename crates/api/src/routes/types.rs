//! Volume types (API spec 11.3).

mod access;
mod create;
mod delete;
mod encryption;
mod extra_specs;
mod list;
mod show;
mod update;
mod views;

use catalog::VolumeTypeId;
use catalog::types::VolumeType;

use crate::call::{Call, exact_uuid};
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/types", Microversion::MIN, list::list, &list::LIST)
        .post("/types", Microversion::MIN, create::create, &create::CREATE)
        .get("/types/default", Microversion::MIN, show::default, &show::DEFAULT)
        .get("/types/{id}", Microversion::MIN, show::show, &show::SHOW)
        .put("/types/{id}", Microversion::MIN, update::update, &update::UPDATE)
        .delete("/types/{id}", Microversion::MIN, delete::delete, &delete::DELETE)
        .get("/types/{id}/encryption", Microversion::MIN, encryption::show, &encryption::SHOW)
        .merge(access::routes())
        .merge(extra_specs::routes())
}

/// The type that the path names. One that is not public is there for administrators, and for those whose project
/// may use it.
async fn find(call: &Call) -> Result<VolumeType, ApiError> {
    let id = call.param("id");
    let found = match exact_uuid(id) {
        Some(id) => call.catalog().volume_type(VolumeTypeId(id), &call.scope()).await?,
        None => None,
    };
    found.ok_or_else(|| missing(id))
}

/// 404 for a type.
fn missing(id: impl std::fmt::Display) -> ApiError {
    ApiError::not_found("Volume type", id)
}
