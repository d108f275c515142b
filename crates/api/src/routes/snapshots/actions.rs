//! `POST /snapshots/{id}/action` (API spec 11.2).

use axum::http::StatusCode;
use catalog::snapshots::{ReportRejected, Status};
use identity::Rule;
use serde_json::Value;

use super::{delete, find, missing};
use crate::call::Call;
use crate::endpoint::Actions;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::router::Routes;
use crate::schema::{Key, Object, Schema};

pub(super) fn routes() -> Routes {
    let actions = Actions::default()
        .on("os-reset_status", Microversion::MIN, reset_status, &RESET_STATUS)
        .on("os-force_delete", Microversion::MIN, force_delete, &FORCE_DELETE)
        .on("os-update_snapshot_status", Microversion::MIN, update_status, &UPDATE_STATUS);
    Routes::new().actions("/snapshots/{id}/action", actions)
}

static RESET: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-reset_status",
        Schema::Object(&Object::strict(&[Key::new("status", Schema::some_text(1, 255))], &["status"])),
    )],
    &["os-reset_status"],
));

static REPORT: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-update_snapshot_status",
        Schema::Object(&Object::strict(
            &[Key::new("status", Schema::some_text(1, 255)), Key::new("progress", Schema::Any)],
            &["status"],
        )),
    )],
    &["os-update_snapshot_status"],
));

static RESET_STATUS: Operation = Operation::empty("Sets a snapshot's status.", StatusCode::ACCEPTED).takes(&RESET);

/// `os-reset_status`.
async fn reset_status(call: Call) -> Result<Reply, ApiError> {
    let status = status(&call.body()?["os-reset_status"])?;
    let snapshot = find(&call).await?;
    call.allow(Rule::SnapshotResetStatus, &snapshot)?;
    if call.catalog().reset_snapshot(snapshot.id, &call.scope(), status).await? {
        Ok(Reply::accepted())
    } else {
        Err(missing(snapshot.id))
    }
}

static FORCE_DELETE: Operation = Operation::empty("Deletes a snapshot in any state.", StatusCode::ACCEPTED);

/// `os-force_delete`.
async fn force_delete(call: Call) -> Result<Reply, ApiError> {
    delete::run(&call, true, Rule::SnapshotForceDelete).await
}

static UPDATE_STATUS: Operation =
    Operation::empty("Reports how far a snapshot is.", StatusCode::ACCEPTED).takes(&REPORT);

/// `os-update_snapshot_status`.
async fn update_status(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["os-update_snapshot_status"];
    let (status, progress) = (status(body)?, progress(&body["progress"])?);
    let snapshot = find(&call).await?;
    call.allow(Rule::SnapshotUpdateStatus, &snapshot)?;
    let reported = call.catalog().report_snapshot(snapshot.id, &call.scope(), status, progress.as_deref()).await?;
    reported.map(|()| Reply::accepted()).map_err(|rejected| match rejected {
        ReportRejected::NotFound => missing(snapshot.id),
        ReportRejected::NotExpected(current) => {
            ApiError::bad_request(format!("Snapshot status {current} not allowed for update_snapshot_status"))
        }
        ReportRejected::NotNext(current) => ApiError::bad_request(format!(
            "Provided snapshot status {status} not allowed for snapshot with status {current}."
        )),
    })
}

/// A status that a snapshot can be given.
fn status(body: &Value) -> Result<Status, ApiError> {
    let word = body["status"].as_str().unwrap_or_default().to_lowercase();
    word.parse().ok().filter(|status| *status != Status::Deleted).ok_or_else(|| {
        ApiError::bad_request(format!("Invalid input for field/attribute status. Value: {word}. It is not a status."))
    })
}

/// A percentage, with or without its sign.
fn progress(value: &Value) -> Result<Option<String>, ApiError> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let percent: Option<u8> = text.strip_suffix('%').unwrap_or(&text).parse().ok().filter(|percent| *percent <= 100);
    percent
        .map(|percent| Some(format!("{percent}%")))
        .ok_or_else(|| ApiError::bad_request("progress must be an integer percentage"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn percentages() {
        assert_eq!(progress(&json!(null)).unwrap(), None);
        assert_eq!(progress(&json!("80%")).unwrap().as_deref(), Some("80%"));
        assert_eq!(progress(&json!(80)).unwrap().as_deref(), Some("80%"));
        for value in [json!("101%"), json!("-1"), json!("x"), json!(1.5), json!({}), json!("%")] {
            assert!(progress(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn statuses() {
        assert_eq!(status(&json!({"status": "ERROR"})).unwrap(), Status::Error);
        assert!(status(&json!({"status": "deleted"})).is_err());
        assert!(status(&json!({"status": "bogus"})).is_err());
    }
}
