//! `DELETE /attachments/{id}` (API spec 11.1).

use identity::Rule;
use serde_json::{Value, json};

use super::{find, missing, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;

pub(super) static DELETE: Operation = Operation::ok(
    "Ends an attachment; answers with those that the volume still has.",
    &Shape::Record(&[Field::new("attachments", Shape::List(&view::SUMMARY))]),
);

pub(super) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let found = find(&call).await?;
    call.allow(Rule::AttachmentDelete, &found)?;
    let left = call.catalog().delete_attachment(found.id, &call.scope()).await?.ok_or_else(|| missing(&call))?;
    Reply::ok(&json!({ "attachments": left.iter().map(view::summary).collect::<Vec<Value>>() }))
}
