//! `GET /scheduler-stats/get_pools` (API spec 11.3): the one pool that volumes are made in.

use identity::Rule;
use serde_json::{Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::query::boolean;
use crate::reply::Reply;

pub(super) async fn list(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::PoolsGet)?;
    let name = &call.settings().volume_host;
    let mut pool = json!({ "name": name });
    if call.query.get("detail").and_then(boolean).unwrap_or(false) {
        pool["capabilities"] = capabilities(name);
    }
    let wanted = call.query.get("name").is_none_or(|wanted| wanted == name);
    let pools: Vec<Value> = wanted.then_some(pool).into_iter().collect();
    Reply::ok(&json!({ "pools": pools }))
}

/// What is known of the pool without asking Ceph. `unknown` is the reference's word for a space that is not.
fn capabilities(host: &str) -> Value {
    let (backend, pool) = parts(host);
    json!({
        "pool_name": pool,
        "volume_backend_name": backend,
        "storage_protocol": "ceph",
        "vendor_name": super::capabilities::VENDOR,
        "driver_version": super::capabilities::VERSION,
        "total_capacity_gb": "unknown",
        "free_capacity_gb": "unknown",
        "allocated_capacity_gb": 0,
        "reserved_percentage": 0,
        "thin_provisioning_support": true,
        "multiattach": false,
        "QoS_support": false,
    })
}

/// The backend's and the pool's name in `host@backend#pool`.
pub(super) fn parts(host: &str) -> (&str, &str) {
    let (service, pool) = host.split_once('#').unwrap_or((host, ""));
    let backend = service.split_once('@').map_or(service, |(_, backend)| backend);
    (backend, if pool.is_empty() { backend } else { pool })
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn parts_of_a_host() {
        assert_eq!(parts("lab@rbd#volumes"), ("rbd", "volumes"));
        assert_eq!(parts("lab@rbd"), ("rbd", "rbd"));
        assert_eq!(parts("lab"), ("lab", "lab"));
    }
}
