//! A volume's metadata (API spec 11.1).
//!
//! From 3.15 on an answer that shows the whole map has an `ETag`, and a change that names one in `If-Match`
//! is only made if the map is still that one.

mod edit;
mod etag;
mod show;

pub(super) use edit::fixed;

use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/volumes/{id}/metadata", Microversion::MIN, show::all, &show::ALL)
        .post("/volumes/{id}/metadata", Microversion::MIN, edit::merge, &edit::MERGE)
        .put("/volumes/{id}/metadata", Microversion::MIN, edit::replace, &edit::REPLACE)
        .get("/volumes/{id}/metadata/{key}", Microversion::MIN, show::one, &show::ONE)
        .put("/volumes/{id}/metadata/{key}", Microversion::MIN, edit::set, &edit::SET)
        .delete("/volumes/{id}/metadata/{key}", Microversion::MIN, edit::remove, &edit::REMOVE)
}
