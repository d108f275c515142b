//! The one pool that volumes are made in, and what is said of it.

use catalog::types::Capabilities;
use catalog::volumes::Placement;
use serde_json::{Value, json};

use crate::state::Settings;

/// Who makes what the pool is served with.
pub(crate) const VENDOR: &str = "Open Source";
/// The version of what serves it.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How its volumes are reached.
pub(crate) const PROTOCOL: &str = "ceph";

/// Where new volumes go.
pub(crate) fn placement(settings: &Settings) -> Placement {
    Placement {
        host: settings.volume_host.clone(),
        zone: settings.availability_zone.clone(),
        capabilities: capabilities(&settings.volume_host),
    }
}

/// What is known of the pool without asking Ceph. `unknown` is the reference's word for a space that is not.
pub(crate) fn capabilities(host: &str) -> Capabilities {
    let (backend, pool) = parts(host);
    let known: [(&str, Value); 12] = [
        ("pool_name", json!(pool)),
        ("volume_backend_name", json!(backend)),
        ("storage_protocol", json!(PROTOCOL)),
        ("vendor_name", json!(VENDOR)),
        ("driver_version", json!(VERSION)),
        ("total_capacity_gb", json!("unknown")),
        ("free_capacity_gb", json!("unknown")),
        ("allocated_capacity_gb", json!(0)),
        ("reserved_percentage", json!(0)),
        ("thin_provisioning_support", json!(true)),
        ("multiattach", json!(false)),
        ("QoS_support", json!(false)),
    ];
    known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The backend's and the pool's name in `host@backend#pool`.
pub(crate) fn parts(host: &str) -> (&str, &str) {
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
