//! `PUT /snapshots/{id}` (API spec 11.2).

use catalog::snapshots::SnapshotChange;
use identity::Rule;
use serde_json::json;

use super::{find, missing, views};
use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema, Unknown};
use crate::wording;

static SCHEMA: Schema =
    Schema::Object(&Object::strict(&[Key::new("snapshot", Schema::Object(&SNAPSHOT))], &["snapshot"]));

static SNAPSHOT: Object = Object {
    keys: &[
        Key::new("name", Schema::NAME),
        Key::new("description", Schema::DESCRIPTION),
        Key::new("display_name", Schema::NAME),
        Key::new("display_description", Schema::DESCRIPTION),
    ],
    required: &[],
    unknown: Unknown::Refused,
    at_least: Some((1, Microversion::MIN)),
};

pub(super) static UPDATE: Operation =
    Operation::ok("Changes a snapshot's name or description.", &views::CHANGED_BODY).takes(&SCHEMA);

pub(super) async fn update(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["snapshot"];
    let change = SnapshotChange {
        name: wording::text(body, "name", "display_name")?,
        description: wording::text(body, "description", "display_description")?,
    };
    let snapshot = find(&call).await?;
    call.allow(Rule::SnapshotUpdate, &snapshot)?;
    match call.catalog().update_snapshot(snapshot.id, &call.scope(), &change).await? {
        Some(changed) => Reply::ok(&json!({ "snapshot": views::changed(&call, &changed) })),
        None => Err(missing(snapshot.id)),
    }
}
