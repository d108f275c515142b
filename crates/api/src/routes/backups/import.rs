//! `POST /backups/import_record` (API spec 3.4, 5.8).

use axum::http::StatusCode;
use catalog::backups::{ImportRejected, NewImport};
use identity::Rule;
use serde_json::json;

use super::{record, view};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::over_quota;
use crate::reply::Reply;
use crate::schema::{Form, Key, Object, Schema, Text};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "backup-record",
        Schema::Object(&Object::strict(
            &[
                Key::new("backup_service", Schema::some_text(0, 255)),
                Key::new(
                    "backup_url",
                    Schema::Text(Text { min: 1, max: usize::MAX, form: Form::Base64, nullable: false }),
                ),
            ],
            &["backup_service", "backup_url"],
        )),
    )],
    &["backup-record"],
));

pub(super) static IMPORT: Operation =
    Operation::json("Takes a backup's record over.", StatusCode::CREATED, &view::SUMMARY_BODY).takes(&SCHEMA);

pub(super) async fn import(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["backup-record"];
    call.allow_own(Rule::BackupImport)?;
    let project = call.project(Rule::BackupImport)?;
    let service = body["backup_service"].as_str().unwrap_or_default().to_owned();
    if call.catalog().usable_backup_service(None).await?.is_none() {
        let message = format!("Service {service} could not be found.");
        return Err(ApiError::fault(StatusCode::SERVICE_UNAVAILABLE, message));
    }
    let record::Imported { id, parent, size_gib, record } =
        record::decode(body["backup_url"].as_str().unwrap_or_default())?;
    let import = NewImport { id, parent, size_gib, service, record, project, user: call.user() };
    let begun = call.catalog().import_backup(&import, Some(call.request_id.as_str())).await?;
    let backup = begun.map_err(|rejected| match rejected {
        ImportRejected::Exists => ApiError::invalid_backup("Backup already exists in database."),
        ImportRejected::OtherProject => {
            ApiError::invalid_backup("The backup's parent, or an increment of it, belongs to another project.")
        }
        ImportRejected::Quota(exceeded) => over_quota::refuse(&exceeded),
    })?;
    Reply::json(StatusCode::CREATED, &json!({ "backup": view::summary(&call, backup.id, backup.name.as_deref()) }))
}
