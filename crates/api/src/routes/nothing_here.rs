//! What clients ask for and an installation without it has none of: groups, and volumes on their way to
//! another project.

use identity::Rule;
use serde_json::json;

use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/groups", Microversion::v3(13), groups, &GROUPS)
        .get("/groups/detail", Microversion::v3(13), groups, &GROUPS)
        .get("/os-volume-transfer", Microversion::MIN, transfers, &TRANSFERS)
        .get("/os-volume-transfer/detail", Microversion::MIN, transfers, &TRANSFERS)
        .get("/volume-transfers", Microversion::v3(55), transfers, &TRANSFERS)
        .get("/volume-transfers/detail", Microversion::v3(55), transfers, &TRANSFERS)
}

static GROUPS: Operation =
    Operation::ok("Lists groups; there are none.", &Shape::Record(&[Field::new("groups", Shape::List(&Shape::Any))]));

async fn groups(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::GroupGetAll)?;
    Reply::ok(&json!({ "groups": [] }))
}

static TRANSFERS: Operation = Operation::ok(
    "Lists transfers of volumes; there are none.",
    &Shape::Record(&[Field::new("transfers", Shape::List(&Shape::Any))]),
);

async fn transfers(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::TransferGetAll)?;
    Reply::ok(&json!({ "transfers": [] }))
}
