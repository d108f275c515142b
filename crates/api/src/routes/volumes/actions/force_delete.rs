//! `os-force_delete` of a volume (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::Deletion;
use identity::Rule;

use super::super::delete;
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static FORCE_DELETE: Operation = Operation::empty("Deletes a volume in any state.", StatusCode::ACCEPTED);

pub(super) async fn force_delete(call: Call) -> Result<Reply, ApiError> {
    delete::run(&call, Deletion { cascade: false, force: true }, Rule::VolumeAdminForceDelete).await
}
