//! Snapshots in answers.

use catalog::snapshots::Snapshot;
use identity::Rule;
use serde_json::{Map, Value, json};

use crate::call::Call;

/// What a list shows.
pub(super) fn summary(_: &Call, snapshot: &Snapshot) -> Value {
    Value::Object(common(snapshot))
}

/// What show and the detailed list show.
pub(super) fn full(call: &Call, snapshot: &Snapshot) -> Value {
    let mut view = with_versions(call, snapshot);
    if call.may(Rule::SnapshotExtendedAttributes, snapshot) {
        view.insert("os-extended-snapshot-attributes:project_id".to_owned(), json!(snapshot.project_id));
        view.insert("os-extended-snapshot-attributes:progress".to_owned(), json!(snapshot.progress));
    }
    Value::Object(view)
}

/// What create and update show.
pub(super) fn changed(call: &Call, snapshot: &Snapshot) -> Value {
    Value::Object(with_versions(call, snapshot))
}

fn with_versions(call: &Call, snapshot: &Snapshot) -> Map<String, Value> {
    let mut view = common(snapshot);
    if call.has(14) {
        view.insert("group_snapshot_id".to_owned(), Value::Null);
    }
    if call.has(41) {
        view.insert("user_id".to_owned(), json!(snapshot.user_id));
    }
    if call.has(65) {
        view.insert("consumes_quota".to_owned(), json!(true));
    }
    view
}

fn common(snapshot: &Snapshot) -> Map<String, Value> {
    let mut view = Map::new();
    let mut put = |key: &str, value: Value| _ = view.insert(key.to_owned(), value);
    put("id", json!(snapshot.id));
    put("created_at", json!(snapshot.created_at.to_string()));
    put("updated_at", json!(snapshot.updated_at.map(|at| at.to_string())));
    put("name", json!(snapshot.name));
    put("description", json!(snapshot.description));
    put("volume_id", json!(snapshot.volume_id));
    put("status", json!(snapshot.status.as_str()));
    put("size", json!(snapshot.size_gib));
    put("metadata", json!(snapshot.metadata));
    view
}
