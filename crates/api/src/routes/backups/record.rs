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
    pub(super) parent: Option<BackupId>,
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
    let parent = members.get("parent_id").and_then(Value::as_str).and_then(exact_uuid).map(BackupId);
    if parent == Some(id) {
        return Err(ApiError::invalid_input("Provided backup record has an invalid parent_id"));
    }
    Ok(Imported { id, parent, size_gib, record: Value::Object(members) })
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
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "42f0898e-c1ae-408b-ad89-9301f960fc11";

    fn refusal(record: &Value) -> String {
        match decode(&base64::encode(record.to_string().as_bytes())) {
            Err(ApiError::Fault { message, .. }) => message.into_owned(),
            other => panic!("{record}: {other:?}"),
        }
    }

    /// A value that an export may have written for a key of this kind.
    fn good(kind: &Kind) -> BoxedStrategy<Value> {
        let text = || "[^\\x00]{0,255}".prop_filter("as long as it may be", |text| text.chars().count() <= LONGEST);
        let uuid = || any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string());
        let some = match kind {
            Kind::Text => text().prop_map(Value::from).boxed(),
            Kind::Uuid => uuid().prop_map(Value::from).boxed(),
            Kind::Integer => (0..=i32::MAX).prop_map(Value::from).boxed(),
            Kind::Boolean => any::<bool>().prop_map(Value::from).boxed(),
            Kind::Metadata => {
                prop::collection::btree_map("[a-z]{1,9}", "[^\\x00]{0,20}", 0..4).prop_map(|pairs| json!(pairs)).boxed()
            }
            Kind::ServiceMetadata => (uuid(), prop_oneof![uuid(), Just("base".to_owned())])
                .prop_map(|(volume, root)| {
                    json!({ "base": format!("volume-{volume}.backup.{root}") }).to_string().into()
                })
                .boxed(),
            Kind::Object => {
                prop::collection::btree_map("[a-z]{1,9}", any::<u8>(), 0..4).prop_map(|map| json!(map)).boxed()
            }
        };
        prop_oneof![9 => some, 1 => Just(Value::Null)].boxed()
    }

    /// A record as some export may have written it, with some of its keys.
    fn record() -> impl Strategy<Value = Map<String, Value>> {
        let keys: Vec<_> = KEYS.iter().map(|(key, kind)| (Just(*key), prop::option::of(good(kind)))).collect();
        keys.prop_map(|keys| {
            let mut members: Map<String, Value> =
                keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
            members.insert("id".to_owned(), json!(ID));
            members.insert("size".to_owned(), json!(1));
            members
        })
    }

    /// Anything that JSON can say, deep and large.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(json!("../../etc/passwd")),
            Just(json!("a\0b")),
            Just(json!("x".repeat(70_000))),
            Just(Value::from(json!({ "base": "volumes/volume-1@snap" }).to_string())),
        ];
        leaf.prop_recursive(8, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_an_export_writes_is_taken_as_it_is(record in record(), junk in "[a-z]{1,9}X") {
            let mut sent = record.clone();
            sent.insert(junk, json!("dropped"));
            let imported = decode(&base64::encode(Value::Object(sent).to_string().as_bytes())).unwrap();
            prop_assert_eq!(imported.id.to_string(), ID);
            prop_assert_eq!(imported.size_gib, 1);
            prop_assert_eq!(imported.record, Value::Object(record));
        }

        #[test]
        fn anything_in_place_of_a_value_is_refused_or_fits(mut record in record(), at in 0..KEYS.len(), value in anything()) {
            let (key, kind) = &KEYS[at];
            record.insert((*key).to_owned(), value.clone());
            match decode(&base64::encode(Value::Object(record).to_string().as_bytes())) {
                Ok(imported) => {
                    prop_assert!(value.is_null() || kind.holds(&value));
                    // as JSON: the last digit of a number with a fraction is not kept
                    let read: Value = serde_json::from_str(&value.to_string()).unwrap();
                    prop_assert_eq!(&imported.record[*key], &read);
                    prop_assert!(holds_no_nul(&imported.record));
                }
                Err(ApiError::Fault { status, message }) => {
                    prop_assert_eq!(status.as_u16(), 400);
                    prop_assert!(message.contains(key) || (["id", "size"].contains(key) && message == crate::fault::MALFORMED));
                }
                Err(other) => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn any_text_and_any_json_is_a_record_or_a_400(text: String, value in anything()) {
            for url in [text.clone(), base64::encode(text.as_bytes()), base64::encode(value.to_string().as_bytes())] {
                match decode(&url) {
                    Ok(imported) => prop_assert!(imported.record.is_object() && imported.size_gib >= 0),
                    Err(ApiError::Fault { status, .. }) => prop_assert_eq!(status.as_u16(), 400),
                    Err(other) => prop_assert!(false, "{:?}", other),
                }
            }
        }

        #[test]
        fn a_base_that_is_followed_has_the_name_of_one(name in "\\PC{0,40}|(volume-)?[0-9a-f/.@-]{0,40}(\\.backup\\.[a-z0-9/.@-]{0,40})?") {
            let text = json!({ "base": name }).to_string();
            if names_no_foreign_image(&text) {
                let (volume, root) = name.strip_prefix("volume-").unwrap().split_once(".backup.").unwrap();
                prop_assert!(exact_uuid(volume).is_some() && (root == "base" || exact_uuid(root).is_some()));
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |depth: usize| {
            format!(r#"{{"id": "{ID}", "size": 1, "driver_info": {}1{}}}"#, r#"{"x":"#.repeat(depth), "}".repeat(depth))
        };
        assert!(decode(&base64::encode(deep(50).as_bytes())).is_ok());
        assert!(decode(&base64::encode(deep(50_000).as_bytes())).is_err());
        let text = json!({ "id": ID, "size": 1, "service_metadata": "[".repeat(LONGEST) }).to_string();
        assert!(decode(&base64::encode(text.as_bytes())).is_ok(), "another driver's text is its own");
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
