//! Quotas of projects and of quota classes (API spec 11.3).

mod body;
mod class;
mod delete;
mod show;
mod update;

use catalog::ProjectId;
use catalog::page::Scope;
use catalog::quotas::Limit;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::microversion::Microversion;
use crate::openapi::{Field, Shape};
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/os-quota-sets/{project}", Microversion::MIN, show::show, &show::SHOW)
        .get("/os-quota-sets/{project}/defaults", Microversion::MIN, show::defaults, &show::DEFAULTS)
        .put("/os-quota-sets/{project}", Microversion::MIN, update::update, &update::UPDATE)
        .delete("/os-quota-sets/{project}", Microversion::MIN, delete::delete, &delete::DELETE)
        .get("/os-quota-class-sets/{class}", Microversion::MIN, class::show, &class::SHOW)
        .put("/os-quota-class-sets/{class}", Microversion::MIN, class::update, &class::UPDATE)
}

/// Quotas in the description: `volumes`, and for each type `volumes_<type>`, and so on.
static QUOTAS: Shape = Shape::Named(
    "Quotas",
    &Shape::Open(
        &[Field::new("id", Shape::Text).sometimes()],
        &Shape::Either(&[
            Shape::Integer,
            Shape::Record(&[
                Field::new("limit", Shape::Integer),
                Field::new("in_use", Shape::Integer),
                Field::new("reserved", Shape::Integer),
            ]),
        ]),
    ),
);

/// The types of volumes that stand in a project's quotas: those that it can use, and all for administrators.
fn types(call: &Call, project: &ProjectId) -> Scope {
    if call.context.is_admin { Scope::Every } else { Scope::Project(project.clone()) }
}

/// The limits, by the resources' keys.
fn limits(limits: &[Limit]) -> Map<String, Value> {
    limits.iter().map(|limit| (limit.resource.to_string(), json!(limit.limit))).collect()
}
