//! Snapshots in answers.

use catalog::snapshots::{Snapshot, Status};
use identity::Rule;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::microversion::Microversion;
use crate::openapi::{Field, Shape};

/// What [`common`] makes.
const COMMON: [Field; 9] = [
    Field::new("id", Shape::Uuid),
    Field::new("created_at", Shape::Time),
    Field::new("updated_at", Shape::OrNull(&Shape::Time)),
    Field::new("name", Shape::OrNull(&Shape::Text)),
    Field::new("description", Shape::OrNull(&Shape::Text)),
    Field::new("volume_id", Shape::Uuid),
    Field::new("status", Shape::Words(|| Status::ALL.iter().map(|status| status.as_str()).collect())),
    Field::new("size", Shape::Integer),
    Field::new("metadata", Shape::Map(&Shape::Text)),
];

/// What [`with_versions`] adds.
const VERSIONS: [Field; 3] = [
    Field::since("group_snapshot_id", Microversion::v3(14), Shape::Null),
    Field::since("user_id", Microversion::v3(41), Shape::Text),
    Field::since("consumes_quota", Microversion::v3(65), Shape::Boolean),
];

/// What [`full`] adds.
const EXTENDED: [Field; 2] = [
    Field::new("os-extended-snapshot-attributes:project_id", Shape::Text).sometimes(),
    Field::new("os-extended-snapshot-attributes:progress", Shape::OrNull(&Shape::Text)).sometimes(),
];

/// What a list shows, in the description.
pub(super) static SUMMARY: Shape = Shape::Named("SnapshotSummary", &Shape::Record(&COMMON));

/// What create and update answer, in the description.
pub(super) static CHANGED_BODY: Shape =
    Shape::Record(&[Field::new("snapshot", Shape::Named("SnapshotChanged", &Shape::Joined(&[&COMMON, &VERSIONS])))]);

/// What show and the detailed list show, in the description.
pub(super) static FULL: Shape = Shape::Named("Snapshot", &Shape::Joined(&[&COMMON, &VERSIONS, &EXTENDED]));

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
