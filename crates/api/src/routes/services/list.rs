//! `GET /os-services` (API spec 11.3).

use catalog::services::{Service, VOLUME_BINARY};
use identity::Rule;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::reply::Reply;

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
