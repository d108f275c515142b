//! Between a volume's row and a backup's metadata object (format spec 4).

use catalog::volumes::Volume;
use catalog::work::RestoredMetadata;
use catalog::{Metadata, Time};
use chain::metadata::VolumeMetadata;
use serde_json::{Map, Value, json};

/// What a backup keeps of its volume. Secrets are not among it.
pub(super) fn of_volume(volume: &Volume) -> VolumeMetadata {
    let time = |at: Option<Time>| at.map_or(Value::Null, |at| json!(at.to_string()));
    let base = json!({
        "id": volume.id.to_string(),
        "display_name": volume.name,
        "display_description": volume.description,
        "size": volume.size_gib,
        "status": volume.status.as_str(),
        "previous_status": volume.previous_status.map(catalog::volumes::Status::as_str),
        "attach_status": if volume.previous_status == Some(catalog::volumes::Status::InUse) { "attached" } else { "detached" },
        "user_id": volume.user_id.as_str(),
        "project_id": volume.project_id.as_str(),
        "availability_zone": volume.availability_zone,
        "host": volume.host,
        "volume_type_id": volume.volume_type_id.map(|id| id.to_string()),
        "snapshot_id": volume.snapshot_id.map(|id| id.to_string()),
        "source_volid": volume.source_volume_id.map(|id| id.to_string()),
        "encryption_key_id": volume.encryption_key_id.map(|id| id.to_string()),
        "bootable": volume.bootable,
        "multiattach": volume.multiattach,
        "migration_status": volume.migration_status,
        "created_at": volume.created_at.to_string(),
        "updated_at": time(volume.updated_at),
        "launched_at": time(volume.launched_at),
        "deleted": false,
        "deleted_at": Value::Null,
        "use_quota": true,
    });
    let Value::Object(base) = base else { return VolumeMetadata::default() };
    VolumeMetadata { base, user: to_map(&volume.metadata), image: to_map(&volume.image_metadata) }
}

/// What a restored volume gets from the object.
pub(super) fn restored(stored: &VolumeMetadata) -> RestoredMetadata {
    let text = |key: &str| stored.base.get(key).and_then(Value::as_str).map(str::to_owned);
    RestoredMetadata {
        name: text("display_name"),
        description: text("display_description"),
        metadata: (!stored.user.is_empty()).then(|| from_map(&stored.user)),
        image_metadata: (!stored.image.is_empty()).then(|| from_map(&stored.image)),
        unreadable: false,
    }
}

fn to_map(metadata: &Metadata) -> Map<String, Value> {
    metadata.iter().map(|(key, value)| (key.clone(), json!(value))).collect()
}

/// Values that are no text (another writer's) are kept as the JSON they are.
fn from_map(map: &Map<String, Value>) -> Metadata {
    map.iter()
        .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_maps_change_nothing_on_the_target() {
        let restored = restored(&VolumeMetadata::default());
        assert_eq!(restored, RestoredMetadata::default());
    }

    #[test]
    fn names_and_keys_come_back() {
        let mut stored = VolumeMetadata::default();
        stored.base.insert("display_name".to_owned(), json!("data"));
        stored.user.insert("k".to_owned(), json!("v"));
        stored.user.insert("n".to_owned(), json!(1));
        let restored = restored(&stored);
        assert_eq!(restored.name.as_deref(), Some("data"));
        assert_eq!(restored.description, None);
        let expected = Metadata::from([("k".to_owned(), "v".to_owned()), ("n".to_owned(), "1".to_owned())]);
        assert_eq!(restored.metadata, Some(expected));
    }
}
