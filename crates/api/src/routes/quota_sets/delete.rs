//! `DELETE /os-quota-sets/{project}` (API spec 11.3).

use axum::http::StatusCode;
use catalog::ProjectId;
use identity::Rule;

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;

pub(super) static DELETE: Operation = Operation::empty("Gives a project the default quotas.", StatusCode::OK);

pub(super) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let project = ProjectId::from(call.param("project"));
    call.allow(Rule::QuotaDelete, &project)?;
    call.catalog().delete_quotas(&project).await?;
    Ok(Reply::empty(StatusCode::OK))
}
