//! What clients ask for and an installation without it has none of: groups, and volumes on their way to
//! another project.

use identity::Rule;
use serde_json::json;

use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::reply::Reply;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/groups", Microversion::v3(13), groups)
        .get("/groups/detail", Microversion::v3(13), groups)
        .get("/os-volume-transfer", Microversion::MIN, transfers)
        .get("/os-volume-transfer/detail", Microversion::MIN, transfers)
        .get("/volume-transfers", Microversion::v3(55), transfers)
        .get("/volume-transfers/detail", Microversion::v3(55), transfers)
}

async fn groups(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::GroupGetAll)?;
    Reply::ok(&json!({ "groups": [] }))
}

async fn transfers(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::TransferGetAll)?;
    Reply::ok(&json!({ "transfers": [] }))
}
