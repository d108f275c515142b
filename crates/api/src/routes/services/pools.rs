//! `GET /scheduler-stats/get_pools` (API spec 11.3): the one pool that volumes are made in.

use identity::Rule;
use serde_json::{Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::placement::capabilities;
use crate::query::boolean;
use crate::reply::Reply;

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
