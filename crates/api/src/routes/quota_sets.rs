//! Quotas of projects and of quota classes (API spec 11.3).

mod body;
mod class;
mod delete;
mod show;
mod update;

use catalog::quotas::Limit;
use serde_json::{Map, Value, json};

use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/os-quota-sets/{project}", Microversion::MIN, show::show)
        .get("/os-quota-sets/{project}/defaults", Microversion::MIN, show::defaults)
        .put("/os-quota-sets/{project}", Microversion::MIN, update::update)
        .delete("/os-quota-sets/{project}", Microversion::MIN, delete::delete)
        .get("/os-quota-class-sets/{class}", Microversion::MIN, class::show)
        .put("/os-quota-class-sets/{class}", Microversion::MIN, class::update)
}

/// The limits, by the resources' keys.
fn limits(limits: &[Limit]) -> Map<String, Value> {
    limits.iter().map(|limit| (limit.resource.to_string(), json!(limit.limit))).collect()
}
