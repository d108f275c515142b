//! What a host is told about reaching a volume's image.

use catalog::attachments::Mode;
use catalog::volumes::Volume;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The cluster that volumes are on, as hosts reach it. Never a key: a host has its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connection {
    /// The monitors' addresses; a host looks into its own conf file where there are none.
    pub hosts: Vec<String>,
    /// Their ports.
    pub ports: Vec<String>,
    /// The cluster's name.
    pub cluster_name: String,
    /// The cephx user, without `client.`.
    pub auth_username: Option<String>,
    /// The name under which hosts keep the user's key; usually the cluster's id.
    pub secret_uuid: Option<String>,
}

impl Connection {
    /// The `connection_info` of an attachment, as Cinder's RBD driver gives it. `place` says where volumes are that
    /// say nothing themselves, as `host@backend#pool`.
    pub(crate) fn info(&self, place: &str, volume: &Volume, attachment: Uuid, mode: Mode) -> Map<String, Value> {
        let place = volume.host.as_deref().unwrap_or(place);
        let pool = place.rsplit_once('#').map_or(place, |(_, pool)| pool);
        let info = json!({
            "driver_volume_type": "rbd",
            "name": format!("{pool}/volume-{}", volume.id),
            "hosts": self.hosts,
            "ports": self.ports,
            "cluster_name": self.cluster_name,
            "auth_enabled": self.auth_username.is_some(),
            "auth_username": self.auth_username,
            "secret_type": "ceph",
            "secret_uuid": self.secret_uuid,
            "volume_id": volume.id,
            "discard": true,
            "qos_specs": Value::Null,
            "access_mode": mode.as_str(),
            "encrypted": volume.encryption_key_id.is_some(),
            "cacheable": false,
            "attachment_id": attachment,
        });
        match info {
            Value::Object(info) => info,
            _ => Map::new(),
        }
    }
}
