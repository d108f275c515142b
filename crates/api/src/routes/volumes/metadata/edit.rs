//! `POST`, `PUT /volumes/{id}/metadata`, `PUT`, `DELETE /volumes/{id}/metadata/{key}` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::MetadataRejected;
use catalog::{Metadata, MetadataEdit, VolumeId};
use identity::Rule;
use serde_json::json;

use super::super::{find, missing};
use super::etag;
use crate::call::Call;
use crate::fault::ApiError;
use crate::metadata_body::{item, map, removal};
use crate::reply::Reply;

/// Adds to the metadata.
pub(super) async fn merge(call: Call) -> Result<Reply, ApiError> {
    let metadata = map(&call)?;
    whole(&call, MetadataEdit::Merge(metadata), Rule::VolumeCreateMetadata).await
}

/// Replaces the metadata.
pub(super) async fn replace(call: Call) -> Result<Reply, ApiError> {
    let metadata = map(&call)?;
    whole(&call, MetadataEdit::Replace(metadata), Rule::VolumeUpdateMetadata).await
}

/// Sets one key.
pub(super) async fn set(call: Call) -> Result<Reply, ApiError> {
    let item = item(&call)?;
    let metadata = edit(&call, &MetadataEdit::Merge(item.clone()), Rule::VolumeUpdateMetadata).await?;
    etag::stamp(&call, Reply::ok(&json!({ "meta": item }))?, &metadata)
}

/// Takes one key away.
pub(super) async fn remove(call: Call) -> Result<Reply, ApiError> {
    edit(&call, &removal(&call), Rule::VolumeDeleteMetadata).await?;
    Ok(Reply::empty(StatusCode::OK))
}

async fn whole(call: &Call, change: MetadataEdit, rule: Rule) -> Result<Reply, ApiError> {
    let metadata = edit(call, &change, rule).await?;
    etag::stamp(call, Reply::ok(&json!({ "metadata": metadata }))?, &metadata)
}

async fn edit(call: &Call, change: &MetadataEdit, rule: Rule) -> Result<Metadata, ApiError> {
    let volume = find(call).await?;
    call.allow(rule, &volume)?;
    let seen = |metadata: &Metadata| etag::matches(call, metadata);
    let edited = call.catalog().edit_volume_metadata(volume.id, &call.scope(), change, &seen).await?;
    edited.map_err(|rejected| match rejected {
        MetadataRejected::NotFound => missing(volume.id),
        MetadataRejected::NoSuchKey => no_such_key(volume.id, call.param("key")),
        MetadataRejected::Status(status) => {
            let what = if matches!(change, MetadataEdit::Remove(_)) { "Deleting" } else { "Updating" };
            ApiError::invalid_volume(format!("{what} volume metadata is not allowed for volumes in {status} status."))
        }
        MetadataRejected::Changed => {
            ApiError::fault(StatusCode::PRECONDITION_FAILED, "The metadata does not match the If-Match header.")
        }
    })
}

/// 404 for a key.
pub(super) fn no_such_key(volume: VolumeId, key: &str) -> ApiError {
    ApiError::fault(StatusCode::NOT_FOUND, format!("Volume {volume} has no metadata with key {key}."))
}
