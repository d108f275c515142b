//! `GET /resource_filters` (API spec 6.4).

use serde_json::json;

use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::reply::Reply;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new().get("/resource_filters", Microversion::v3(33), list)
}

async fn list(call: Call) -> Result<Reply, ApiError> {
    let wanted = call.query.get("resource");
    let filters: Vec<_> = call
        .settings()
        .resource_filters
        .iter()
        .filter(|(resource, _)| wanted.is_none_or(|wanted| wanted == *resource))
        .map(|(resource, filters)| json!({ "resource": resource, "filters": filters }))
        .collect();
    Reply::ok(&json!({ "resource_filters": filters }))
}
