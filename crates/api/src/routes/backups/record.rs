//! Backup records: what an export hands out and an import takes (API spec 5.7, 5.8).

use catalog::backups::BackupView;
use catalog::{BackupId, Time};
use serde_json::{Map, Value, json};

use crate::base64;
use crate::call::exact_uuid;
use crate::fault::ApiError;

/// The longest text in a record.
const LONGEST: usize = 255;

/// A record that an import can begin with.
#[derive(Debug, PartialEq)]
pub(super) struct Imported {
    pub(super) id: BackupId,
    pub(super) size_gib: i32,
    /// The record's known keys.
    pub(super) record: Value,
}

/// What a value of a record may be, besides null.
enum Kind {
    Text,
    Uuid,
    Integer,
    Boolean,
    Metadata,
    /// The driver's text about where the backup is.
    ServiceMetadata,
    Object,
}

/// Every key of a record.
const KEYS: [(&str, Kind); 29] = [
    ("id", Kind::Uuid),
    ("user_id", Kind::Text),
    ("project_id", Kind::Text),
    ("volume_id", Kind::Uuid),
    ("host", Kind::Text),
    ("availability_zone", Kind::Text),
    ("container", Kind::Text),
    ("parent_id", Kind::Uuid),
    ("status", Kind::Text),
    ("fail_reason", Kind::Text),
    ("size", Kind::Integer),
    ("display_name", Kind::Text),
    ("display_description", Kind::Text),
    ("service_metadata", Kind::ServiceMetadata),
    ("service", Kind::Text),
    ("object_count", Kind::Integer),
    ("temp_volume_id", Kind::Uuid),
    ("temp_snapshot_id", Kind::Uuid),
    ("num_dependent_backups", Kind::Integer),
    ("snapshot_id", Kind::Uuid),
    ("data_timestamp", Kind::Text),
    ("restore_volume_id", Kind::Uuid),
    ("metadata", Kind::Metadata),
    ("encryption_key_id", Kind::Uuid),
    ("created_at", Kind::Text),
    ("updated_at", Kind::Text),
    ("deleted_at", Kind::Text),
    ("deleted", Kind::Boolean),
    ("driver_info", Kind::Object),
];

/// The record of a backup, encoded.
pub(super) fn encode(backup: &BackupView, dependents: i64) -> String {
    let at = |time: Option<Time>| time.map(|time| time.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let record = json!({
        "driver_info": {},
        "id": backup.id,
        "user_id": backup.user_id,
        "project_id": backup.project_id,
        "volume_id": backup.volume_id,
        "host": backup.host,
        "availability_zone": backup.availability_zone,
        "container": backup.container,
        "parent_id": backup.parent_id,
        "status": backup.status.as_str(),
        "fail_reason": backup.fail_reason,
        "size": backup.size_gib,
        "display_name": backup.name,
        "display_description": backup.description,
        "service_metadata": backup.service_metadata,
        "service": backup.service,
        "object_count": backup.object_count,
        "temp_volume_id": null,
        "temp_snapshot_id": null,
        "num_dependent_backups": dependents,
        "snapshot_id": backup.snapshot_id,
        "data_timestamp": at(backup.data_timestamp),
        "restore_volume_id": backup.restore_volume_id,
        "metadata": backup.metadata,
        "encryption_key_id": backup.encryption_key_id,
        "created_at": at(Some(backup.created_at)),
        "updated_at": at(backup.updated_at),
        "deleted_at": null,
        "deleted": false,
    });
    base64::encode(record.to_string().as_bytes())
}

/// Reads an encoded record and refuses what no export can have made: what is in it ends up in the catalogue
/// and in names of images. A key that is missing is for the worker to miss.
pub(super) fn decode(url: &str) -> Result<Imported, ApiError> {
    let bytes = base64::decode(url).ok_or_else(|| ApiError::invalid_input("Can't decode backup record."))?;
    let record: Value =
        serde_json::from_slice(&bytes).map_err(|_| ApiError::invalid_input("Can't parse backup record."))?;
    let mut members = match record {
        Value::Object(members) => members,
        Value::Array(_) | Value::String(_) => Map::new(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return Err(ApiError::malformed()),
    };
    members.retain(|key, _| KEYS.iter().any(|(known, _)| known == key));
    let id = members.get("id").ok_or_else(|| ApiError::invalid_input("Provided backup record is missing an id"))?;
    let size = members
        .get("size")
        .ok_or_else(|| ApiError::invalid_input("Provided backup record is missing size attribute"))?;
    let id = id.as_str().and_then(exact_uuid).map(BackupId).ok_or_else(ApiError::malformed)?;
    let size_gib = size.as_i64().and_then(|size| i32::try_from(size).ok()).filter(|size| *size >= 0);
    let size_gib = size_gib.ok_or_else(ApiError::malformed)?;
    for (key, kind) in &KEYS {
        if !members.get(*key).is_none_or(|value| value.is_null() || kind.holds(value)) {
            return Err(ApiError::invalid_input(format!("Provided backup record has an invalid {key}")));
        }
    }
    Ok(Imported { id, size_gib, record: Value::Object(members) })
}

impl Kind {
    fn holds(&self, value: &Value) -> bool {
        let text =
            |value: &Value| value.as_str().is_some_and(|text| text.chars().count() <= LONGEST && !text.contains('\0'));
        match self {
            Self::Text => text(value),
            Self::Uuid => value.as_str().and_then(exact_uuid).is_some(),
            Self::Integer => {
                value.as_i64().and_then(|number| i32::try_from(number).ok()).is_some_and(|number| number >= 0)
            }
            Self::Boolean => value.is_boolean(),
            Self::Metadata => value
                .as_object()
                .is_some_and(|pairs| pairs.iter().all(|(key, value)| text(&Value::from(key.as_str())) && text(value))),
            Self::ServiceMetadata => text(value) && value.as_str().is_some_and(names_no_foreign_image),
            Self::Object => value.is_object() && holds_no_nul(value),
        }
    }
}

/// Whether the base image that a driver's text names, if it names one, has the name of one:
/// `volume-<id>.backup.<id>`, or `….backup.base` (format spec 1.1). Texts of other drivers name none.
fn names_no_foreign_image(text: &str) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return true };
    let Some(base) = members.get("base") else { return true };
    let parts = base.as_str().and_then(|name| name.strip_prefix("volume-")?.split_once(".backup."));
    parts.is_some_and(|(volume, root)| exact_uuid(volume).is_some() && (root == "base" || exact_uuid(root).is_some()))
}

/// Postgres can not store a NUL, not even within JSON.
fn holds_no_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => items.iter().all(holds_no_nul),
        Value::Object(members) => members.iter().all(|(key, member)| !key.contains('\0') && holds_no_nul(member)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "42f0898e-c1ae-408b-ad89-9301f960fc11";

    fn refusal(record: &Value) -> String {
        match decode(&base64::encode(record.to_string().as_bytes())) {
            Err(ApiError::Fault { message, .. }) => message.into_owned(),
            other => panic!("{record}: {other:?}"),
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_record_or_refused(text: String, key: String, value: String) {
            _ = decode(&text);
            _ = decode(&base64::encode(text.as_bytes()));
            _ = decode(&base64::encode(json!({ "id": ID, "size": 1, key: value }).to_string().as_bytes()));
        }
    }

    #[test]
    fn what_is_no_record() {
        let generic = crate::fault::MALFORMED;
        let no_id = "Invalid input received: Provided backup record is missing an id";
        for (record, message) in [
            (json!({}), no_id),
            (json!([]), no_id),
            (json!("text"), no_id),
            (json!(null), generic),
            (json!(5), generic),
            (json!({ "id": ID }), "Invalid input received: Provided backup record is missing size attribute"),
            (json!({ "id": ID, "size": null }), generic),
            (json!({ "id": ID, "size": "1" }), generic),
            (json!({ "id": ID, "size": -1 }), generic),
            (json!({ "id": null, "size": 1 }), generic),
            (json!({ "id": "x", "size": 1 }), generic),
        ] {
            assert_eq!(refusal(&record), message, "{record}");
        }
        for url in ["!!!!", "fake", "e30gZQ=="] {
            assert!(
                matches!(decode(url), Err(ApiError::Fault { message, .. })
                if message == "Invalid input received: Can't parse backup record."),
                "{url}"
            );
        }
    }

    #[test]
    fn hostile_values_are_refused() {
        let long = "x".repeat(256);
        for (key, value) in [
            ("parent_id", json!("../x")),
            ("volume_id", json!(5)),
            ("display_name", json!(long)),
            ("display_name", json!("a\0b")),
            ("container", json!(["backups"])),
            ("object_count", json!("many")),
            ("metadata", json!({ "k": 1 })),
            ("metadata", json!([])),
            ("driver_info", json!({ "k": ["a\0b"] })),
            ("service_metadata", json!({ "base": "x" })),
            ("service_metadata", json!(r#"{"base": "other/volume-1"}"#)),
            ("service_metadata", json!(r#"{"base": 5}"#)),
            ("service_metadata", json!(format!(r#"{{"base": "volume-{ID}.backup.{ID}@snap"}}"#))),
        ] {
            let message = refusal(&json!({ "id": ID, "size": 1, key: value }));
            assert_eq!(message, format!("Invalid input received: Provided backup record has an invalid {key}"));
        }
    }

    #[test]
    fn a_record_as_cinder_writes_it_is_taken() {
        let record = json!({
            "driver_info": {}, "id": ID, "user_id": "admin", "volume_id": ID, "parent_id": null, "size": 1,
            "display_name": "backup01", "service_metadata": format!(r#"{{"base": "volume-{ID}.backup.{ID}"}}"#),
            "metadata": { "k": "v" }, "created_at": "2026-11-22T05:50:20Z", "deleted": false,
        });
        let imported = decode(&base64::encode(record.to_string().as_bytes())).unwrap();
        assert_eq!(imported.id.to_string(), ID);
        assert_eq!(imported.record, record);
        let mut more = record.clone();
        more["junk"] = json!("dropped");
        assert_eq!(decode(&base64::encode(more.to_string().as_bytes())).unwrap().record, record);
    }
}
