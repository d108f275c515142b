//! `GET /scheduler-stats/get_pools` (API spec 11.3): the one pool that volumes are made in.

use identity::Rule;
use serde_json::{Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Form, Operation, Parameter, Shape};
use crate::placement::capabilities;
use crate::query::boolean;
use crate::reply::Reply;

pub(super) static LIST: Operation = Operation::ok(
    "Lists the pools that volumes are made in.",
    &Shape::Record(&[Field::new(
        "pools",
        Shape::List(&Shape::Record(&[
            Field::new("name", Shape::Text),
            Field::new(
                "capabilities",
                Shape::Record(&[
                    Field::new("pool_name", Shape::Text),
                    Field::new("volume_backend_name", Shape::Text),
                    Field::new("storage_protocol", Shape::Text),
                    Field::new("vendor_name", Shape::Text),
                    Field::new("driver_version", Shape::Text),
                    Field::new("total_capacity_gb", Shape::Text),
                    Field::new("free_capacity_gb", Shape::Text),
                    Field::new("allocated_capacity_gb", Shape::Integer),
                    Field::new("reserved_percentage", Shape::Integer),
                    Field::new("thin_provisioning_support", Shape::Boolean),
                    Field::new("multiattach", Shape::Boolean),
                    Field::new("QoS_support", Shape::Boolean),
                ]),
            )
            .sometimes(),
        ])),
    )]),
)
.asks(&[
    Parameter::query("detail", Form::Text, "With a word for true: what they can do, too."),
    Parameter::query("name", Form::Text, "Only the one of this name."),
]);

pub(super) async fn list(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::PoolsGet)?;
    let name = &call.settings().volume_host;
    let mut pool = json!({ "name": name });
    if call.query.get("detail").and_then(boolean).unwrap_or(false) {
        pool["capabilities"] = Value::Object(capabilities(name));
    }
    let wanted = call.query.get("name").is_none_or(|wanted| wanted == name);
    let pools: Vec<Value> = wanted.then_some(pool).into_iter().collect();
    Reply::ok(&json!({ "pools": pools }))
}
