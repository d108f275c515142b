//! `os-force_delete` of a volume (API spec 11.1).

use catalog::volumes::Deletion;
use identity::Rule;

use super::super::delete;
use crate::call::Call;
use crate::fault::ApiError;
use crate::reply::Reply;

pub(super) async fn force_delete(call: Call) -> Result<Reply, ApiError> {
    delete::run(&call, Deletion { cascade: false, force: true }, Rule::VolumeAdminForceDelete).await
}
