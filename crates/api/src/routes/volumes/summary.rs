//! `GET /volumes/summary` (API spec 11.1).

use catalog::page::Scope;
use identity::Rule;
use serde_json::json;

use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Field, Form, Operation, Parameter, Shape};
use crate::query::boolean;
use crate::reply::Reply;

pub(super) static SUMMARY: Operation = Operation::ok(
    "Counts volumes.",
    &Shape::Record(&[Field::new(
        "volume-summary",
        Shape::Record(&[
            Field::new("total_count", Shape::Integer),
            Field::new("total_size", Shape::Integer),
            Field::since("metadata", Microversion::v3(36), Shape::Map(&Shape::List(&Shape::Text))),
        ]),
    )]),
)
.asks(&[Parameter::query("all_tenants", Form::Text, "With a word for true: everybody's, for administrators.")]);

pub(super) async fn summary(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::VolumeGetAll)?;
    let everybody = call.query.get("all_tenants").and_then(boolean).unwrap_or(false);
    let scope = if everybody && call.context.is_admin { Scope::Every } else { Scope::Project(call.project_or_none()) };
    let summary = call.catalog().volume_summary(&scope).await?;
    let mut body = json!({ "total_count": summary.count, "total_size": summary.size_gib });
    if call.has(36)
        && let Some(body) = body.as_object_mut()
    {
        body.insert("metadata".to_owned(), json!(summary.metadata));
    }
    Reply::ok(&json!({ "volume-summary": body }))
}
