//! `GET /os-quota-sets/{project}`, `GET /os-quota-sets/{project}/defaults` (API spec 11.3).

use catalog::ProjectId;
use identity::Rule;
use serde_json::{Map, Value, json};

use super::{QUOTAS, limits, types};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Form, Operation, Parameter, Shape};
use crate::query::boolean;
use crate::reply::Reply;

pub(super) static SHOW: Operation =
    Operation::ok("Shows a project's quotas.", &Shape::Record(&[Field::new("quota_set", Shape::Same(&QUOTAS))]))
        .asks(&[Parameter::query("usage", Form::Text, "With a word for true: what of them is used, too.")]);

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let project = allowed(&call)?;
    let quotas = call.catalog().quotas(&project, &types(&call, &project)).await?;
    let set: Map<String, Value> = if call.query.get("usage").and_then(boolean).unwrap_or(false) {
        let usage = |limit: i32, in_use: i64| json!({ "limit": limit, "in_use": in_use, "reserved": 0 });
        quotas.iter().map(|quota| (quota.resource.to_string(), usage(quota.limit, quota.in_use))).collect()
    } else {
        limits(&quotas)
    };
    reply(set, &project)
}

pub(super) static DEFAULTS: Operation =
    Operation::ok("Shows the default quotas.", &Shape::Record(&[Field::new("quota_set", Shape::Same(&QUOTAS))]));

pub(super) async fn defaults(call: Call) -> Result<Reply, ApiError> {
    let project = allowed(&call)?;
    reply(limits(&call.catalog().default_quotas(&types(&call, &project)).await?), &project)
}

fn allowed(call: &Call) -> Result<ProjectId, ApiError> {
    let project = ProjectId::from(call.param("project"));
    call.allow(Rule::QuotaShow, &project)?;
    Ok(project)
}

fn reply(mut set: Map<String, Value>, project: &ProjectId) -> Result<Reply, ApiError> {
    set.insert("id".to_owned(), json!(project));
    Reply::ok(&json!({ "quota_set": set }))
}
