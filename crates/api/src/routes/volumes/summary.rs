//! `GET /volumes/summary` (API spec 11.1).

use catalog::page::Scope;
use identity::Rule;
use serde_json::json;

use crate::call::Call;
use crate::fault::ApiError;
use crate::query::boolean;
use crate::reply::Reply;

pub(super) async fn summary(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::VolumeGetAll)?;
    let everybody = call.query.get("all_tenants").and_then(boolean).unwrap_or(false);
    let scope = if everybody && call.context.is_admin { Scope::Every } else { Scope::Project(call.project_or_none()) };
    let summary = call.catalog().volume_summary(&scope).await?;
    let mut body = json!({ "total_count": summary.count, "total_size": summary.size_gib });
    if call.has(36)
        && let Some(body) = body.as_object_mut()
    {
        body.insert("metadata".to_owned(), json!(summary.metadata));
    }
    Reply::ok(&json!({ "volume-summary": body }))
}
