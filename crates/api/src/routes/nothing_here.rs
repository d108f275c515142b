//! What clients ask for and an installation without it has none of: groups.

use identity::Rule;
use serde_json::json;

use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new().get("/groups", Microversion::v3(13), groups, &GROUPS).get(
        "/groups/detail",
        Microversion::v3(13),
        groups,
        &GROUPS,
    )
}

static GROUPS: Operation =
    Operation::ok("Lists groups; there are none.", &Shape::Record(&[Field::new("groups", Shape::List(&Shape::Any))]));

async fn groups(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::GroupGetAll)?;
    Reply::ok(&json!({ "groups": [] }))
}
