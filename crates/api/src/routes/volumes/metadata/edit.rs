//! `POST`, `PUT /volumes/{id}/metadata`, `PUT`, `DELETE /volumes/{id}/metadata/{key}` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::{MetadataRejected, Status};
use catalog::{Metadata, MetadataEdit, VolumeId};
use identity::Rule;
use serde_json::json;

use super::super::{find, missing};
use super::etag;
use crate::call::Call;
use crate::fault::ApiError;
use crate::metadata_body::{ITEM, ITEM_SHAPE, MAP, MAP_SHAPE, item, map, refusal, removal};
use crate::microversion::Microversion;
use crate::openapi::{Operation, Parameter};
use crate::reply::Reply;

const IF_MATCH: Parameter =
    Parameter::header("If-Match", "Only if the metadata still has this `ETag`.").since(Microversion::v3(etag::SINCE));
const CHANGED: StatusCode = StatusCode::PRECONDITION_FAILED;

pub(super) static MERGE: Operation =
    Operation::ok("Adds to a volume's metadata.", &MAP_SHAPE).takes(&MAP).asks(&[IF_MATCH]).refuses(&[CHANGED]);

/// Adds to the metadata.
pub(super) async fn merge(call: Call) -> Result<Reply, ApiError> {
    let metadata = map(&call)?;
    whole(&call, MetadataEdit::Merge(metadata), Rule::VolumeCreateMetadata).await
}

pub(super) static REPLACE: Operation =
    Operation::ok("Replaces a volume's metadata.", &MAP_SHAPE).takes(&MAP).asks(&[IF_MATCH]).refuses(&[CHANGED]);

/// Replaces the metadata.
pub(super) async fn replace(call: Call) -> Result<Reply, ApiError> {
    let metadata = map(&call)?;
    whole(&call, MetadataEdit::Replace(metadata), Rule::VolumeUpdateMetadata).await
}

pub(super) static SET: Operation = Operation::ok("Sets one key of a volume's metadata.", &ITEM_SHAPE)
    .takes(&ITEM)
    .asks(&[IF_MATCH])
    .refuses(&[CHANGED]);

/// Sets one key.
pub(super) async fn set(call: Call) -> Result<Reply, ApiError> {
    let item = item(&call)?;
    let metadata = edit(&call, &MetadataEdit::Merge(item.clone()), Rule::VolumeUpdateMetadata).await?;
    etag::stamp(&call, Reply::ok(&json!({ "meta": item }))?, &metadata)
}

pub(super) static REMOVE: Operation =
    Operation::empty("Removes one key of a volume's metadata.", StatusCode::OK).asks(&[IF_MATCH]).refuses(&[CHANGED]);

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
        MetadataRejected::Edit(rejected) => {
            refusal(rejected, "volume's metadata", || no_such_key(volume.id, call.param("key")))
        }
        MetadataRejected::Status(status) => fixed(change, status),
        MetadataRejected::Changed => {
            ApiError::fault(StatusCode::PRECONDITION_FAILED, "The metadata does not match the If-Match header.")
        }
    })
}

/// 400 for a volume whose metadata can not be changed while it is in this status.
pub(in super::super) fn fixed(change: &MetadataEdit, status: Status) -> ApiError {
    let what = if matches!(change, MetadataEdit::Remove(_)) { "Deleting" } else { "Updating" };
    ApiError::invalid_volume(format!("{what} volume metadata is not allowed for volumes in {status} status."))
}

/// 404 for a key.
pub(super) fn no_such_key(volume: VolumeId, key: &str) -> ApiError {
    ApiError::fault(StatusCode::NOT_FOUND, format!("Volume {volume} has no metadata with key {key}."))
}
