//! `GET /volumes/{id}/metadata`, `GET /volumes/{id}/metadata/{key}` (API spec 11.1).

use catalog::volumes::VolumeView;
use identity::Rule;
use serde_json::json;

use super::super::find;
use super::edit::no_such_key;
use super::etag;
use crate::call::Call;
use crate::fault::ApiError;
use crate::metadata_body::{ITEM_SHAPE, MAP_SHAPE};
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static ALL: Operation = Operation::ok("Shows a volume's metadata.", &MAP_SHAPE);

pub(super) async fn all(call: Call) -> Result<Reply, ApiError> {
    let volume = readable(&call).await?;
    let reply = Reply::ok(&json!({ "metadata": volume.metadata }))?;
    etag::stamp(&call, reply, &volume.metadata)
}

pub(super) static ONE: Operation = Operation::ok("Shows one key of a volume's metadata.", &ITEM_SHAPE);

pub(super) async fn one(call: Call) -> Result<Reply, ApiError> {
    let volume = readable(&call).await?;
    let key = call.param("key");
    match volume.metadata.get(key) {
        Some(value) => Reply::ok(&json!({ "meta": { key: value } })),
        None => Err(no_such_key(volume.id, key)),
    }
}

async fn readable(call: &Call) -> Result<VolumeView, ApiError> {
    let volume = find(call).await?;
    call.allow(Rule::VolumeGetMetadata, &volume)?;
    Ok(volume)
}
