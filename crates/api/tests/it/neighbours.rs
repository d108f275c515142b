//! Volumes and snapshots by way of the API, for the tests of backups' neighbours.

use serde_json::json;
use uuid::Uuid;

use crate::support::Server;

/// An id that nothing has.
pub(crate) const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// The version `3.minor`.
pub(crate) fn v(minor: u16) -> String {
    format!("3.{minor}")
}

/// A volume as a worker leaves it; its id.
pub(crate) async fn volume(server: &Server, size: i32) -> String {
    let body = json!({ "volume": { "size": size, "name": "v" } });
    let made = server.post("/volumes", &body).send().await.expect(202);
    let id = made["volume"]["id"].as_str().unwrap().to_owned();
    set_status(server, "volumes", &id, "available").await;
    id
}

/// A snapshot as a worker leaves it; its id.
pub(crate) async fn snapshot(server: &Server, volume: &str) -> String {
    let body = json!({ "snapshot": { "volume_id": volume, "name": "s" } });
    let made = server.post("/snapshots", &body).send().await.expect(202);
    let id = made["snapshot"]["id"].as_str().unwrap().to_owned();
    set_status(server, "snapshots", &id, "available").await;
    id
}

/// Sets the status of a volume or snapshot, as only a worker does.
pub(crate) async fn set_status(server: &Server, table: &str, id: &str, status: &str) {
    let id: Uuid = id.parse().unwrap();
    server.run(&format!("UPDATE {table} SET status = '{status}' WHERE id = '{id}'")).await;
}

/// How many jobs of this kind there are.
pub(crate) async fn jobs(server: &Server, kind: &str) -> usize {
    server.jobs().await.iter().filter(|spec| spec["kind"] == kind).count()
}
