//! A snapshot's metadata (API spec 11.2).

use axum::http::StatusCode;
use catalog::snapshots::{MetadataRejected, Snapshot};
use catalog::{Metadata, MetadataEdit, SnapshotId};
use identity::Rule;
use serde_json::json;

use super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::metadata_body::{ITEM, ITEM_SHAPE, MAP, MAP_SHAPE, item, map, refusal, removal};
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/snapshots/{id}/metadata", Microversion::MIN, all, &ALL)
        .post("/snapshots/{id}/metadata", Microversion::MIN, merge, &MERGE)
        .put("/snapshots/{id}/metadata", Microversion::MIN, replace, &REPLACE)
        .get("/snapshots/{id}/metadata/{key}", Microversion::MIN, one, &ONE)
        .put("/snapshots/{id}/metadata/{key}", Microversion::MIN, set, &SET)
        .delete("/snapshots/{id}/metadata/{key}", Microversion::MIN, remove, &REMOVE)
}

async fn readable(call: &Call) -> Result<Snapshot, ApiError> {
    let snapshot = find(call).await?;
    call.allow(Rule::SnapshotGetMetadata, &snapshot)?;
    Ok(snapshot)
}

static ALL: Operation = Operation::ok("Shows a snapshot's metadata.", &MAP_SHAPE);

/// `GET /snapshots/{id}/metadata`.
async fn all(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&json!({ "metadata": readable(&call).await?.metadata }))
}

static ONE: Operation = Operation::ok("Shows one key of a snapshot's metadata.", &ITEM_SHAPE);

/// `GET /snapshots/{id}/metadata/{key}`.
async fn one(call: Call) -> Result<Reply, ApiError> {
    let snapshot = readable(&call).await?;
    let key = call.param("key");
    match snapshot.metadata.get(key) {
        Some(value) => Reply::ok(&json!({ "meta": { key: value } })),
        None => Err(no_such_key(snapshot.id, key)),
    }
}

static MERGE: Operation = Operation::ok("Adds to a snapshot's metadata.", &MAP_SHAPE).takes(&MAP);

/// `POST /snapshots/{id}/metadata`: adds.
async fn merge(call: Call) -> Result<Reply, ApiError> {
    let change = MetadataEdit::Merge(map(&call)?);
    Reply::ok(&json!({ "metadata": edit(&call, &change, Rule::SnapshotUpdateMetadata).await? }))
}

static REPLACE: Operation = Operation::ok("Replaces a snapshot's metadata.", &MAP_SHAPE).takes(&MAP);

/// `PUT /snapshots/{id}/metadata`: replaces.
async fn replace(call: Call) -> Result<Reply, ApiError> {
    let change = MetadataEdit::Replace(map(&call)?);
    Reply::ok(&json!({ "metadata": edit(&call, &change, Rule::SnapshotUpdateMetadata).await? }))
}

static SET: Operation = Operation::ok("Sets one key of a snapshot's metadata.", &ITEM_SHAPE).takes(&ITEM);

/// `PUT /snapshots/{id}/metadata/{key}`.
async fn set(call: Call) -> Result<Reply, ApiError> {
    let item = item(&call)?;
    edit(&call, &MetadataEdit::Merge(item.clone()), Rule::SnapshotUpdateMetadata).await?;
    Reply::ok(&json!({ "meta": item }))
}

static REMOVE: Operation = Operation::empty("Removes one key of a snapshot's metadata.", StatusCode::OK);

/// `DELETE /snapshots/{id}/metadata/{key}`.
async fn remove(call: Call) -> Result<Reply, ApiError> {
    edit(&call, &removal(&call), Rule::SnapshotDeleteMetadata).await?;
    Ok(Reply::empty(StatusCode::OK))
}

async fn edit(call: &Call, change: &MetadataEdit, rule: Rule) -> Result<Metadata, ApiError> {
    let snapshot = find(call).await?;
    call.allow(rule, &snapshot)?;
    let edited = call.catalog().edit_snapshot_metadata(snapshot.id, &call.scope(), change).await?;
    edited.map_err(|rejected| match rejected {
        MetadataRejected::NotFound => missing(snapshot.id),
        MetadataRejected::Edit(rejected) => {
            refusal(rejected, "snapshot's metadata", || no_such_key(snapshot.id, call.param("key")))
        }
    })
}

/// 404 for a key.
fn no_such_key(snapshot: SnapshotId, key: &str) -> ApiError {
    ApiError::fault(StatusCode::NOT_FOUND, format!("Snapshot {snapshot} has no metadata with key {key}."))
}
