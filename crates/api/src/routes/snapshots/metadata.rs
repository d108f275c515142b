//! A snapshot's metadata (API spec 11.2).

use axum::http::StatusCode;
use catalog::snapshots::{MetadataRejected, Snapshot};
use catalog::{Metadata, MetadataEdit, SnapshotId};
use identity::Rule;
use serde_json::json;

use super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::metadata_body::{item, map, removal};
use crate::microversion::Microversion;
use crate::reply::Reply;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/snapshots/{id}/metadata", Microversion::MIN, all)
        .post("/snapshots/{id}/metadata", Microversion::MIN, merge)
        .put("/snapshots/{id}/metadata", Microversion::MIN, replace)
        .get("/snapshots/{id}/metadata/{key}", Microversion::MIN, one)
        .put("/snapshots/{id}/metadata/{key}", Microversion::MIN, set)
        .delete("/snapshots/{id}/metadata/{key}", Microversion::MIN, remove)
}

async fn readable(call: &Call) -> Result<Snapshot, ApiError> {
    let snapshot = find(call).await?;
    call.allow(Rule::SnapshotGetMetadata, &snapshot)?;
    Ok(snapshot)
}

/// `GET /snapshots/{id}/metadata`.
async fn all(call: Call) -> Result<Reply, ApiError> {
    Reply::ok(&json!({ "metadata": readable(&call).await?.metadata }))
}

/// `GET /snapshots/{id}/metadata/{key}`.
async fn one(call: Call) -> Result<Reply, ApiError> {
    let snapshot = readable(&call).await?;
    let key = call.param("key");
    match snapshot.metadata.get(key) {
        Some(value) => Reply::ok(&json!({ "meta": { key: value } })),
        None => Err(no_such_key(snapshot.id, key)),
    }
}

/// `POST /snapshots/{id}/metadata`: adds.
async fn merge(call: Call) -> Result<Reply, ApiError> {
    let change = MetadataEdit::Merge(map(&call)?);
    Reply::ok(&json!({ "metadata": edit(&call, &change, Rule::SnapshotUpdateMetadata).await? }))
}

/// `PUT /snapshots/{id}/metadata`: replaces.
async fn replace(call: Call) -> Result<Reply, ApiError> {
    let change = MetadataEdit::Replace(map(&call)?);
    Reply::ok(&json!({ "metadata": edit(&call, &change, Rule::SnapshotUpdateMetadata).await? }))
}

/// `PUT /snapshots/{id}/metadata/{key}`.
async fn set(call: Call) -> Result<Reply, ApiError> {
    let item = item(&call)?;
    edit(&call, &MetadataEdit::Merge(item.clone()), Rule::SnapshotUpdateMetadata).await?;
    Reply::ok(&json!({ "meta": item }))
}

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
        MetadataRejected::NoSuchKey => no_such_key(snapshot.id, call.param("key")),
    })
}

/// 404 for a key.
fn no_such_key(snapshot: SnapshotId, key: &str) -> ApiError {
    ApiError::fault(StatusCode::NOT_FOUND, format!("Snapshot {snapshot} has no metadata with key {key}."))
}
