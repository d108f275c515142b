//! Taking a backup's record in (API spec 5.8).

use catalog::work::ImportedFields;
use catalog::{BackupId, Metadata, SnapshotId, Time, VolumeId};
use chain::BaseRef;
use rbd::Errno;
use serde_json::Value;
use uuid::Uuid;

use super::{Outcome, Scene, base_of, given_up};
use crate::lease::Held;
use crate::{JobError, SERVICE};

/// Members that a record must have, whatever their value.
const REQUIRED: [&str; 7] =
    ["display_name", "display_description", "container", "size", "service_metadata", "object_count", "id"];

pub(super) async fn run(
    scene: &Scene,
    held: &Held,
    id: BackupId,
    service: &str,
    record: &Value,
) -> Result<Outcome, JobError> {
    // an empty text matches any service, an old module name the class in it (format spec 6.2)
    let read = if let Some(error) = given_up(held) {
        Err(error.to_string())
    } else if SERVICE.starts_with(service) {
        fields(id, record)
    } else {
        Err(format!(
            "Import record failed, cannot find backup service to perform the import. Request service: {service}."
        ))
    };
    let taken = match read {
        Ok(mut fields) => match look_at(scene, id, &fields).await? {
            Ok(()) => {
                let worker = scene.worker();
                // where it was looked for, whatever the default is later
                fields.container.get_or_insert_with(|| scene.settings.default_container.clone());
                let finished = held.persist(|| held.catalog.finish_import(&held.job, id, &fields, &worker)).await?;
                finished.map_err(|unfit| unfit.to_string())
            }
            Err(why) => Err(why),
        },
        Err(why) => Err(why),
    };
    if let Err(why) = taken {
        tracing::warn!(backup.id = %id, why, "importing a record failed");
        held.persist(|| held.catalog.fail_import(&held.job, id, &why)).await?;
    }
    Ok(Outcome::Recorded)
}

/// Looks for what the record names. A pool that is not there, or not for us, is the record's mistake; a backup that is
/// not there is only told in the log: what is in the pool may be brought in later.
async fn look_at(scene: &Scene, id: BackupId, fields: &ImportedFields) -> Result<Result<(), String>, JobError> {
    let container = fields.container.as_deref().unwrap_or(&scene.settings.default_container);
    let beyond_reach =
        |error: &rbd::Error| format!("the record's container {container} is no pool that can be used here: {error}");
    let reference = BaseRef {
        backup: id.0,
        volume: fields.volume_id.0,
        base: fields.service_metadata.as_deref().and_then(base_of),
        snapshot: fields.snapshot_id.map(|id| id.0),
        checksums: false,
    };
    let pools = match scene.pools(fields.container.as_deref()).await {
        Ok(pools) => pools,
        Err(error) if error.is_not_found() => return Ok(Err(beyond_reach(&error))),
        Err(error) => return Err(error.into()),
    };
    match chain::restore::locate(&pools.backups, &reference).await {
        Ok(point) => tracing::info!(backup.id = %id, base = %point.base, "imported backup found on disk"),
        Err(chain::Error::Ceph(error)) if error.errno == Errno::NOT_PERMITTED => return Ok(Err(beyond_reach(&error))),
        Err(error) => tracing::warn!(backup.id = %id, %error, "an imported backup can not be found on disk"),
    }
    Ok(Ok(()))
}

/// Reads a record, believing nothing of it.
fn fields(id: BackupId, record: &Value) -> Result<ImportedFields, String> {
    if let Some(missing) = REQUIRED.iter().find(|key| record.get(**key).is_none()) {
        return Err(format!("the record has no {missing}"));
    }
    if text(record, "id")?.as_deref().and_then(|text| text.parse::<BackupId>().ok()) != Some(id) {
        return Err("the record's id is not the backup's".to_owned());
    }
    let volume_id = VolumeId(uuid(record, "volume_id")?.ok_or("the record has no volume_id")?);
    let service_metadata = text(record, "service_metadata")?;
    let fields = ImportedFields {
        volume_id,
        snapshot_id: uuid(record, "snapshot_id")?.map(SnapshotId),
        parent_id: uuid(record, "parent_id")?.map(BackupId),
        encryption_key_id: uuid(record, "encryption_key_id")?,
        display_name: text(record, "display_name")?,
        display_description: text(record, "display_description")?,
        container: text(record, "container")?,
        size_gib: number(record, "size")?.ok_or("the record has no size")?,
        object_count: number(record, "object_count")?.unwrap_or(0),
        service_metadata,
        metadata: metadata(record)?,
        data_timestamp: time(record, "data_timestamp")?,
        created_at: time(record, "created_at")?,
    };
    let reference = BaseRef {
        backup: id.0,
        volume: volume_id.0,
        base: fields.service_metadata.as_deref().and_then(base_of),
        snapshot: fields.snapshot_id.map(|id| id.0),
        checksums: false,
    };
    // an image that is not a base of that volume could be anybody's
    reference.check().map_err(|error| error.to_string())?;
    Ok(fields)
}

fn text(record: &Value, key: &str) -> Result<Option<String>, String> {
    match record.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.contains('\0') => Err(format!("the record's {key} has a zero byte")),
        Some(Value::String(text)) if text.chars().count() <= 255 => Ok(Some(text.clone())),
        Some(Value::String(_)) => Err(format!("the record's {key} is longer than 255 characters")),
        Some(_) => Err(format!("the record's {key} is no text")),
    }
}

fn uuid(record: &Value, key: &str) -> Result<Option<Uuid>, String> {
    let Some(text) = text(record, key)? else { return Ok(None) };
    Uuid::try_parse(&text).map(Some).map_err(|_| format!("the record's {key} is no uuid"))
}

fn number(record: &Value, key: &str) -> Result<Option<i32>, String> {
    match record.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .filter(|number| *number >= 0)
            .map(Some)
            .ok_or_else(|| format!("the record's {key} is no size or count")),
    }
}

fn time(record: &Value, key: &str) -> Result<Option<Time>, String> {
    let Some(text) = text(record, key)? else { return Ok(None) };
    let zoned = if text.ends_with('Z') || text.contains('+') { text } else { format!("{text}Z") };
    let at: jiff::Timestamp = zoned.parse().map_err(|_| format!("the record's {key} is no time"))?;
    Ok(Some(Time::from(at)))
}

fn metadata(record: &Value) -> Result<Metadata, String> {
    match record.get("metadata") {
        None | Some(Value::Null) => Ok(Metadata::new()),
        Some(Value::Object(map)) => map
            .iter()
            .map(|(key, value)| match value {
                Value::String(value)
                    if key.chars().count() <= 255
                        && value.chars().count() <= 255
                        && !value.contains('\0')
                        && !key.contains('\0') =>
                {
                    Ok((key.clone(), value.clone()))
                }
                _ => Err("the record's metadata has a value that is no text, or too long".to_owned()),
            })
            .collect(),
        Some(_) => Err("the record's metadata is no object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn record() -> Value {
        json!({
            "id": ID.to_string(), "volume_id": Uuid::from_u128(1).to_string(), "size": 1, "object_count": 0,
            "display_name": "b", "display_description": null, "container": "backups",
            "service_metadata": format!("{{\"base\": \"{}\"}}", chain::names::base_image(Uuid::from_u128(1), ID)),
            "data_timestamp": "2026-11-22T05:50:20Z", "created_at": "2026-11-22T05:50:20", "metadata": {"k": "v"},
            "status": "deleting", "project_id": "somebody's", "encryption_key_id": Uuid::from_u128(9).to_string(),
        })
    }

    #[test]
    fn a_record_of_cinder_is_read() {
        let fields = fields(BackupId(ID), &record()).unwrap();
        assert_eq!(fields.volume_id, VolumeId(Uuid::from_u128(1)));
        assert_eq!(fields.size_gib, 1);
        assert_eq!(fields.encryption_key_id, Some(Uuid::from_u128(9)));
        assert_eq!(fields.created_at.unwrap().to_string(), "2026-11-22T05:50:20.000000");
        assert_eq!(fields.metadata.get("k").map(String::as_str), Some("v"));
    }

    #[test]
    fn hostile_records_are_refused() {
        let changes = [
            ("id", json!(Uuid::from_u128(8).to_string())),
            ("id", json!(7)),
            ("volume_id", json!("../x")),
            ("volume_id", Value::Null),
            ("size", json!(-1)),
            ("size", json!("1")),
            ("size", json!(1_u64 << 40)),
            ("service_metadata", json!("{\"base\": \"volume-somebody-elses\"}")),
            ("service_metadata", json!("x".repeat(300))),
            ("container", json!({"a": 1})),
            ("display_name", json!("a\u{0}b")),
            ("metadata", json!([1])),
            ("metadata", json!({"k": {"deep": 1}})),
            ("created_at", json!("yesterday")),
        ];
        for (key, value) in changes {
            let mut record = record();
            record[key] = value.clone();
            assert!(fields(BackupId(ID), &record).is_err(), "{key} = {value}");
        }
        for key in REQUIRED {
            let mut record = record();
            record.as_object_mut().unwrap().remove(key);
            assert!(fields(BackupId(ID), &record).is_err(), "without {key}");
        }
    }
}
