//! `os-begin_detaching` and `os-roll_detaching` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::DetachingRejected;
use identity::Rule;

use super::super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static BEGIN: Operation =
    Operation::empty("Says that a volume is about to be detached.", StatusCode::ACCEPTED);

pub(super) async fn begin(call: Call) -> Result<Reply, ApiError> {
    let volume = find(&call).await?;
    call.allow(Rule::VolumeBeginDetaching, &volume)?;
    match call.catalog().begin_detaching_volume(volume.id, &call.scope()).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(DetachingRejected::NotFound) => Err(missing(volume.id)),
        Err(DetachingRejected::NotAttached) => Err(ApiError::invalid_volume(
            "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach.",
        )),
    }
}

pub(super) static ROLL: Operation = Operation::empty("Says that it will not be.", StatusCode::ACCEPTED);

pub(super) async fn roll(call: Call) -> Result<Reply, ApiError> {
    let volume = find(&call).await?;
    call.allow(Rule::VolumeRollDetaching, &volume)?;
    if call.catalog().roll_detaching_volume(volume.id, &call.scope()).await? {
        Ok(Reply::accepted())
    } else {
        Err(missing(volume.id))
    }
}
