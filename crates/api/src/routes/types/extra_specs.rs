//! The extra specs of a volume type (API spec 11.3).

use axum::http::StatusCode;
use catalog::Metadata;
use catalog::types::SpecsRejected;
use identity::Rule;
use serde_json::json;

use super::{find, missing, views};
use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;
use crate::router::Routes;
use crate::schema::{self, Key, Object, Schema};

static SPECS_SHAPE: Shape = Shape::Record(&[Field::new("extra_specs", Shape::Map(&Shape::Text))]);

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/types/{id}/extra_specs", Microversion::MIN, all, &ALL)
        .post("/types/{id}/extra_specs", Microversion::MIN, merge, &MERGE)
        .get("/types/{id}/extra_specs/{key}", Microversion::MIN, one, &ONE)
        .put("/types/{id}/extra_specs/{key}", Microversion::MIN, set, &SET)
        .delete("/types/{id}/extra_specs/{key}", Microversion::MIN, remove, &REMOVE)
}

static SPECS: Schema =
    Schema::Object(&Object::strict(&[Key::new("extra_specs", Schema::Metadata { nullable: false })], &["extra_specs"]));
static SPEC: Schema = Schema::Metadata { nullable: false };

static ALL: Operation = Operation::ok("Shows a type's extra specs.", &SPECS_SHAPE);

/// `GET /types/{id}/extra_specs`.
async fn all(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call).await?;
    call.allow_own(Rule::TypeExtraSpecsIndex)?;
    Reply::ok(&json!({ "extra_specs": views::extra_specs(&call, &found) }))
}

static ONE: Operation = Operation::ok("Shows one extra spec.", &Shape::Map(&Shape::Text));

/// `GET /types/{id}/extra_specs/{key}`.
async fn one(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call).await?;
    call.allow_own(Rule::TypeExtraSpecsShow)?;
    let key = call.param("key");
    match views::extra_specs(&call, &found).get(key) {
        Some(value) => Reply::ok(&json!({ key: value })),
        None => Err(no_such_spec(&call)),
    }
}

static MERGE: Operation = Operation::ok("Adds to a type's extra specs.", &SPECS_SHAPE).takes(&SPECS);

/// `POST /types/{id}/extra_specs`: adds.
async fn merge(call: Call) -> Result<Reply, ApiError> {
    let specs = schema::metadata(call.body()?.get("extra_specs")).unwrap_or_default();
    write(&call, &specs, Rule::TypeExtraSpecsCreate).await?;
    Reply::ok(&json!({ "extra_specs": specs }))
}

static SET: Operation = Operation::ok("Sets one extra spec.", &Shape::Map(&Shape::Text)).takes(&SPEC);

/// `PUT /types/{id}/extra_specs/{key}`.
async fn set(call: Call) -> Result<Reply, ApiError> {
    let spec = schema::metadata(Some(call.body()?)).unwrap_or_default();
    if !spec.contains_key(call.param("key")) {
        return Err(ApiError::bad_request("Request body and URI mismatch"));
    }
    if spec.len() > 1 {
        return Err(ApiError::bad_request("Request body contains too many items"));
    }
    write(&call, &spec, Rule::TypeExtraSpecsUpdate).await?;
    Reply::ok(&spec)
}

static REMOVE: Operation = Operation::empty("Removes one extra spec.", StatusCode::ACCEPTED);

/// `DELETE /types/{id}/extra_specs/{key}`.
async fn remove(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call).await?;
    call.allow_own(Rule::TypeExtraSpecsDelete)?;
    match call.catalog().delete_extra_spec(found.id, call.param("key")).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(SpecsRejected::NoSuchType) => Err(missing(found.id)),
        Err(SpecsRejected::NoSuchSpec) => Err(no_such_spec(&call)),
    }
}

async fn write(call: &Call, specs: &Metadata, rule: Rule) -> Result<(), ApiError> {
    let found = find(call).await?;
    call.allow_own(rule)?;
    call.catalog().merge_extra_specs(found.id, specs).await?.map_err(|_| missing(found.id))
}

/// 404 for a spec.
fn no_such_spec(call: &Call) -> ApiError {
    let (id, key) = (call.param("id"), call.param("key"));
    ApiError::fault(StatusCode::NOT_FOUND, format!("Volume Type {id} has no extra specs with key {key}."))
}
