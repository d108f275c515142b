//! `GET /backups/{id}`.

use serde_json::json;

use super::{find, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;

pub(super) static SHOW: Operation =
    Operation::ok("Shows a backup.", &Shape::Record(&[Field::new("backup", Shape::Same(&view::DETAIL))]));

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let backup = find(&call).await?;
    Reply::ok(&json!({ "backup": view::detail(&call, &backup) }))
}
