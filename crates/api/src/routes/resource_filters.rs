//! `GET /resource_filters` (API spec 6.4).

use serde_json::json;

use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Field, Form, Operation, Parameter, Shape};
use crate::reply::Reply;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new().get("/resource_filters", Microversion::v3(33), list, &LIST)
}

static LIST: Operation = Operation::ok(
    "Lists the filters that callers who are not administrators may use.",
    &Shape::Record(&[Field::new(
        "resource_filters",
        Shape::List(&Shape::Record(&[
            Field::new("resource", Shape::Text),
            Field::new("filters", Shape::List(&Shape::Text)),
        ])),
    )]),
)
.asks(&[Parameter::query("resource", Form::Text, "Only those of this kind of record.")]);

async fn list(call: Call) -> Result<Reply, ApiError> {
    let wanted = call.query.get("resource");
    let filters: Vec<_> = call
        .settings()
        .resource_filters
        .iter()
        .filter(|(resource, _)| wanted.is_none_or(|wanted| wanted == *resource))
        .map(|(resource, filters)| json!({ "resource": resource, "filters": filters }))
        .collect();
    Reply::ok(&json!({ "resource_filters": filters }))
}
