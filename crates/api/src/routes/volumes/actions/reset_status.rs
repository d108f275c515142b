//! `os-reset_status` of a volume (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::{Reset, ResetRejected, Status};
use identity::Rule;
use serde_json::Value;

use super::super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-reset_status",
        Schema::Object(&Object::strict(
            &[
                Key::new("status", Schema::text(0, 255)),
                Key::new("attach_status", Schema::text(0, 255)),
                Key::new("migration_status", Schema::text(0, 255)),
            ],
            &[],
        )),
    )],
    &["os-reset_status"],
));

const MIGRATION: &[&str] = &["migrating", "error", "success", "completing", "none", "starting"];

pub(super) static RESET_STATUS: Operation =
    Operation::empty("Sets a volume's status.", StatusCode::ACCEPTED).takes(&SCHEMA);

pub(super) async fn reset_status(call: Call) -> Result<Reply, ApiError> {
    let reset = read(&call.body()?["os-reset_status"])?;
    let volume = find(&call).await?;
    call.allow(Rule::VolumeResetStatus, &volume)?;
    match call.catalog().reset_volume(volume.id, &call.scope(), &reset).await? {
        Ok(()) => Ok(Reply::accepted()),
        Err(ResetRejected::NotFound) => Err(missing(volume.id)),
        Err(ResetRejected::NotAttached) => {
            Err(ApiError::bad_request("Cannot reset-state to in-use, as there are no attachments to the volume."))
        }
    }
}

fn read(body: &Value) -> Result<Reset, ApiError> {
    let word = |key: &str| body[key].as_str().filter(|word| !word.is_empty()).map(str::to_lowercase);
    let (status, attached, migration) = (word("status"), word("attach_status"), word("migration_status"));
    if status.is_none() && attached.is_none() && migration.is_none() {
        return Err(ApiError::bad_request("Must specify 'status', 'attach_status' or 'migration_status' for update."));
    }
    let status = status
        .map(|word| {
            // a status that means a job would be a lie without one
            word.parse()
                .ok()
                .filter(|status| !matches!(status, Status::Deleting | Status::Deleted))
                .ok_or_else(|| ApiError::bad_request("Must specify a valid status"))
        })
        .transpose()?;
    let attached = attached
        .map(|word| match word.as_str() {
            "attached" => Ok(true),
            "detached" => Ok(false),
            _ => Err(ApiError::bad_request("Must specify a valid attach status")),
        })
        .transpose()?;
    let migration_status = migration
        .map(|word| match word.as_str() {
            "none" => Ok(None),
            known if MIGRATION.contains(&known) => Ok(Some(word)),
            _ => Err(ApiError::bad_request("Must specify a valid migration status")),
        })
        .transpose()?;
    Ok(Reset { status, attached, migration_status })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_can_be_reset() {
        let reset = read(&json!({"status": "ERROR", "attach_status": "detached", "migration_status": "none"})).unwrap();
        assert_eq!(reset, Reset { status: Some(Status::Error), attached: Some(false), migration_status: Some(None) });
        for body in [
            json!({}),
            json!({"status": null}),
            json!({"status": ""}),
            json!({"status": "bogus"}),
            json!({"status": "deleting"}),
            json!({"attach_status": "maybe"}),
            json!({"status": "error", "migration_status": "sometimes"}),
        ] {
            assert!(read(&body).is_err(), "{body}");
        }
    }
}
