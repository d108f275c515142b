//! Transfers in answers.

use catalog::transfers::Transfer;
use serde_json::{Value, json};

use crate::call::Call;
use crate::microversion::Microversion;
use crate::openapi::{Field, LINK, Shape};

/// What [`summary`] makes.
const COMMON: [Field; 4] = [
    Field::new("id", Shape::Uuid),
    Field::new("volume_id", Shape::Uuid),
    Field::new("name", Shape::OrNull(&Shape::Text)),
    Field::new("links", Shape::List(&LINK)),
];

/// What [`detail`] adds.
const MORE: [Field; 5] = [
    Field::new("created_at", Shape::Time),
    Field::since("no_snapshots", Microversion::v3(55), Shape::Boolean),
    Field::since("source_project_id", Microversion::v3(57), Shape::Text),
    Field::since("destination_project_id", Microversion::v3(57), Shape::OrNull(&Shape::Text)),
    Field::since("accepted", Microversion::v3(57), Shape::Boolean),
];

/// What the list and accepting show, in the description.
pub(super) static SUMMARY: Shape = Shape::Named("TransferSummary", &Shape::Record(&COMMON));

/// What show and the detailed list show, in the description.
pub(super) static DETAIL: Shape = Shape::Named("Transfer", &Shape::Joined(&[&COMMON, &MORE]));

/// What create answers, in the description: the key is told only once.
pub(super) static CREATED_BODY: Shape =
    Shape::Record(&[Field::new("transfer", Shape::Joined(&[&COMMON, &MORE, &[Field::new("auth_key", Shape::Text)]]))]);

/// What the list and accepting show.
pub(super) fn summary(call: &Call, transfer: &Transfer) -> Value {
    json!({
        "id": transfer.id,
        "volume_id": transfer.volume_id,
        "name": transfer.name,
        "links": call.links.of("os-volume-transfer", transfer.id.0),
    })
}

/// What show, create and the detailed list show.
pub(super) fn detail(call: &Call, transfer: &Transfer) -> Value {
    let mut view = summary(call, transfer);
    view["created_at"] = json!(transfer.created_at.to_string());
    if call.has(55) {
        view["no_snapshots"] = json!(transfer.no_snapshots);
    }
    if call.has(57) {
        view["source_project_id"] = json!(transfer.source_project_id);
        view["destination_project_id"] = json!(transfer.destination_project_id);
        view["accepted"] = json!(transfer.accepted);
    }
    view
}
