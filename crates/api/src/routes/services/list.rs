//! `GET /os-services` (API spec 11.3).

use catalog::services::{Service, VOLUME_BINARY};
use identity::Rule;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Field, Form, Operation, Parameter, Shape};
use crate::reply::Reply;

const UP_OR_DOWN: Shape = Shape::OneOf(&["up", "down"]);

pub(super) static LIST: Operation = Operation::ok(
    "Lists the services.",
    &Shape::Record(&[Field::new(
        "services",
        Shape::List(&Shape::Record(&[
            Field::new("binary", Shape::Text),
            Field::new("host", Shape::Text),
            Field::new("zone", Shape::Text),
            Field::new("status", Shape::OneOf(&["enabled", "disabled"])),
            Field::new("state", UP_OR_DOWN),
            Field::new("updated_at", Shape::Time),
            Field::new("disabled_reason", Shape::OrNull(&Shape::Text)),
            Field::since("cluster", Microversion::v3(7), Shape::Null),
            Field::new("replication_status", Shape::OneOf(&["disabled"])).sometimes(),
            Field::new("active_backend_id", Shape::Null).sometimes(),
            Field::new("frozen", Shape::Boolean).sometimes(),
            Field::since("backend_state", Microversion::v3(49), UP_OR_DOWN).sometimes(),
        ])),
    )]),
)
.asks(&[
    Parameter::query("binary", Form::Text, "Only those of this name."),
    Parameter::query("host", Form::Text, "Only those on this host."),
]);

pub(super) async fn list(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::ServiceIndex)?;
    let services = call.catalog().list_services(call.query.get("binary"), call.query.get("host")).await?;
    let services: Vec<Value> = services.iter().map(|service| view(&call, service)).collect();
    Reply::ok(&json!({ "services": services }))
}

fn view(call: &Call, service: &Service) -> Value {
    let mut view = Map::new();
    let mut put = |key: &str, value: Value| _ = view.insert(key.to_owned(), value);
    let state = if service.up { "up" } else { "down" };
    put("binary", json!(service.binary_name));
    put("host", json!(service.host));
    put("zone", json!(service.zone));
    put("status", json!(if service.disabled { "disabled" } else { "enabled" }));
    put("state", json!(state));
    put("updated_at", json!(service.heartbeat_at.to_string()));
    put("disabled_reason", json!(service.disabled_reason));
    if call.has(7) {
        put("cluster", Value::Null);
    }
    if service.binary_name == VOLUME_BINARY {
        put("replication_status", json!("disabled"));
        put("active_backend_id", Value::Null);
        put("frozen", json!(false));
        if call.has(49) {
            put("backend_state", json!(state));
        }
    }
    Value::Object(view)
}
