//! `PUT /os-quota-sets/{project}` (API spec 11.3).

use catalog::ProjectId;
use identity::Rule;
use serde_json::json;

use super::body::LIMITS;
use super::{QUOTAS, body, limits, types};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};
use crate::wording::bounded;

static BODY: Schema = Schema::Object(&Object::strict(&[Key::new("quota_set", LIMITS)], &["quota_set"]));

pub(super) static UPDATE: Operation =
    Operation::ok("Changes a project's quotas.", &Shape::Record(&[Field::new("quota_set", Shape::Same(&QUOTAS))]))
        .takes(&BODY);

pub(super) async fn update(call: Call) -> Result<Reply, ApiError> {
    let project = ProjectId::from(call.param("project"));
    let wanted = body::of_project(&call).await?;
    call.allow(Rule::QuotaUpdate, &project)?;
    bounded("quota_set_name", project.as_str())?;
    call.catalog().set_quotas(&project, &wanted).await?.map_err(|below| {
        ApiError::bad_request(format!(
            "Quota {} limit must be equal or greater than existing resources. Current usage is {} and the requested \
             limit is {}.",
            below.resource, below.in_use, below.requested
        ))
    })?;
    Reply::ok(&json!({ "quota_set": limits(&call.catalog().quotas(&project, &types(&call, &project)).await?) }))
}
