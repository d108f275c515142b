//! `PUT /backups/{id}` (API spec 3.2).

use catalog::backups::BackupChange;
use identity::Rule;
use serde_json::json;

use super::{find, trimmed, unknown_backup, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "backup",
        Schema::Object(&Object::strict(
            &[
                Key::new("name", Schema::NAME),
                Key::new("description", Schema::DESCRIPTION),
                Key::since("metadata", Microversion::v3(43), Schema::Metadata { nullable: false }),
            ],
            &[],
        )),
    )],
    &["backup"],
));

pub(super) static UPDATE: Operation =
    Operation::ok("Changes a backup's name, description or metadata.", &view::SUMMARY_BODY).takes(&SCHEMA);

pub(super) async fn update(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["backup"];
    let backup = find(&call).await?;
    call.allow(Rule::BackupUpdate, &backup)?;
    let change = BackupChange {
        name: body.get("name").map(trimmed),
        description: body.get("description").map(trimmed),
        metadata: schema::metadata(body.get("metadata")),
    };
    if !call.catalog().update_backup(backup.id, &call.scope(), &change).await? {
        return Err(unknown_backup(&call));
    }
    let backup = find(&call).await?;
    Reply::ok(&json!({ "backup": view::summary(&call, backup.id, backup.name.as_deref()) }))
}
