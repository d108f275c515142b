//! Which projects may use a type that is not public (API spec 11.3): `GET /types/{id}/os-volume-type-access`, and
//! the actions `addProjectAccess` and `removeProjectAccess` of `POST /types/{id}/action`.

use axum::http::StatusCode;
use catalog::ProjectId;
use catalog::types::AccessRejected;
use identity::Rule;
use serde_json::{Value, json};

use super::{find, missing};
use crate::call::Call;
use crate::endpoint::Actions;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;
use crate::router::Routes;
use crate::schema::{Key, Object, Schema};

pub(super) fn routes() -> Routes {
    let actions =
        Actions::default().on(ADD, Microversion::MIN, add, &ADDING).on(REMOVE, Microversion::MIN, remove, &REMOVING);
    Routes::new()
        .get("/types/{id}/os-volume-type-access", Microversion::MIN, list, &LIST)
        .actions("/types/{id}/action", actions)
}

const ADD: &str = "addProjectAccess";
const REMOVE: &str = "removeProjectAccess";

static PROJECT: Object = Object::strict(&[Key::new("project", Schema::some_text(1, 255))], &["project"]);
static ADD_BODY: Schema = Schema::Object(&Object::strict(&[Key::new(ADD, Schema::Object(&PROJECT))], &[ADD]));
static REMOVE_BODY: Schema = Schema::Object(&Object::strict(&[Key::new(REMOVE, Schema::Object(&PROJECT))], &[REMOVE]));

static LIST: Operation = Operation::ok(
    "Lists the projects that may use a type that is not public.",
    &Shape::Record(&[Field::new(
        "volume_type_access",
        Shape::List(&Shape::Record(&[
            Field::new("volume_type_id", Shape::Uuid),
            Field::new("project_id", Shape::Text),
        ])),
    )]),
);

async fn list(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call).await?;
    call.allow_own(Rule::TypeAccessList)?;
    let projects = call.catalog().projects_of_volume_type(found.id).await?;
    let projects = projects.map_err(|rejected| match rejected {
        AccessRejected::Public => {
            ApiError::fault(StatusCode::NOT_FOUND, "Access list not available for public volume types.")
        }
        _ => missing(found.id),
    })?;
    let access: Vec<Value> =
        projects.iter().map(|project| json!({ "volume_type_id": found.id, "project_id": project })).collect();
    Reply::ok(&json!({ "volume_type_access": access }))
}

static ADDING: Operation = Operation::empty("Lets a project use a type.", StatusCode::ACCEPTED)
    .takes(&ADD_BODY)
    .refuses(&[StatusCode::CONFLICT]);

async fn add(call: Call) -> Result<Reply, ApiError> {
    let project = project(&call.body()?[ADD]);
    let found = find(&call).await?;
    call.allow_own(Rule::TypeAccessAdd)?;
    match call.catalog().add_volume_type_access(found.id, &project).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(rejected) => Err(refuse(rejected, &call, &project)),
    }
}

static REMOVING: Operation =
    Operation::empty("Lets a project use a type no longer.", StatusCode::ACCEPTED).takes(&REMOVE_BODY);

async fn remove(call: Call) -> Result<Reply, ApiError> {
    let project = project(&call.body()?[REMOVE]);
    let found = find(&call).await?;
    call.allow_own(Rule::TypeAccessRemove)?;
    match call.catalog().remove_volume_type_access(found.id, &project).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(rejected) => Err(refuse(rejected, &call, &project)),
    }
}

fn project(body: &Value) -> ProjectId {
    ProjectId::from(body["project"].as_str().unwrap_or_default())
}

fn refuse(rejected: AccessRejected, call: &Call, project: &ProjectId) -> ApiError {
    let id = call.param("id");
    match rejected {
        AccessRejected::NoSuchType => missing(id),
        AccessRejected::Public => ApiError::bad_request(
            "Invalid volume type: Type access modification is not applicable to public volume type.",
        ),
        AccessRejected::Exists => ApiError::fault(
            StatusCode::CONFLICT,
            format!("Volume type access for {id} / {project} combination already exists."),
        ),
        AccessRejected::NotFound => ApiError::fault(
            StatusCode::NOT_FOUND,
            format!("Volume type access not found for {id} / {project} combination."),
        ),
    }
}
