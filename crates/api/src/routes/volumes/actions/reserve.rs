//! `os-reserve` and `os-unreserve` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::ReserveRejected;
use identity::Rule;

use super::super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static RESERVE: Operation =
    Operation::empty("Keeps a volume for an attachment to come.", StatusCode::ACCEPTED);

pub(super) async fn reserve(call: Call) -> Result<Reply, ApiError> {
    let volume = find(&call).await?;
    call.allow(Rule::VolumeReserve, &volume)?;
    match call.catalog().reserve_volume(volume.id, &call.scope()).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(ReserveRejected::NotFound) => Err(missing(volume.id)),
        Err(ReserveRejected::Status(status)) => Err(ApiError::invalid_volume(format!(
            "Volume status must be available to reserve, but the status is {status}."
        ))),
    }
}

pub(super) static UNRESERVE: Operation = Operation::empty("Keeps it no longer.", StatusCode::ACCEPTED);

pub(super) async fn unreserve(call: Call) -> Result<Reply, ApiError> {
    let volume = find(&call).await?;
    call.allow(Rule::VolumeUnreserve, &volume)?;
    if call.catalog().unreserve_volume(volume.id, &call.scope()).await? {
        Ok(Reply::accepted())
    } else {
        Err(missing(volume.id))
    }
}
