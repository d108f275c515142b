//! Volumes in answers.

use catalog::Metadata;
use catalog::attachments::Attachment;
use catalog::volumes::{Status, VolumeView};
use identity::Rule;
use serde_json::{Map, Value, json};

use crate::call::Call;

/// What a list shows.
pub(super) fn summary(call: &Call, volume: &VolumeView) -> Value {
    json!({ "id": volume.id, "name": volume.name, "links": call.links.of("volumes", volume.id.0) })
}

/// What show and the detailed list show.
pub(super) fn full(call: &Call, volume: &VolumeView) -> Value {
    let mut view = common(call, volume);
    if call.may(Rule::VolumeTenantAttribute, volume) {
        view.insert("os-vol-tenant-attr:tenant_id".to_owned(), json!(volume.project_id));
    }
    if call.may(Rule::VolumeHostAttribute, volume) {
        view.insert("os-vol-host-attr:host".to_owned(), json!(volume.host));
    }
    if call.may(Rule::VolumeMigrationStatusAttribute, volume) {
        view.insert("os-vol-mig-status-attr:migstat".to_owned(), json!(volume.migration_status));
        view.insert("os-vol-mig-status-attr:name_id".to_owned(), Value::Null);
    }
    if !volume.image_metadata.is_empty() {
        view.insert("volume_image_metadata".to_owned(), json!(volume.image_metadata));
    }
    Value::Object(view)
}

/// What create and update show.
pub(super) fn changed(call: &Call, volume: &VolumeView) -> Value {
    Value::Object(common(call, volume))
}

fn common(call: &Call, volume: &VolumeView) -> Map<String, Value> {
    let mut view = Map::new();
    let mut put = |key: &str, value: Value| _ = view.insert(key.to_owned(), value);
    put("id", json!(volume.id));
    put("status", json!(shown(volume.status).as_str()));
    put("size", json!(volume.size_gib));
    put("availability_zone", json!(volume.availability_zone));
    put("created_at", json!(volume.created_at.to_string()));
    put("updated_at", json!(volume.updated_at.map(|at| at.to_string())));
    put("name", json!(volume.name));
    put("description", json!(volume.description));
    put("volume_type", json!(volume.volume_type));
    put("snapshot_id", json!(volume.snapshot_id));
    put("source_volid", json!(volume.source_volume_id));
    put("metadata", json!(metadata(volume)));
    put("links", json!(call.links.of("volumes", volume.id.0)));
    put("user_id", json!(volume.user_id));
    put("bootable", json!(if volume.bootable { "true" } else { "false" }));
    put("encrypted", json!(volume.encryption_key_id.is_some()));
    put("replication_status", Value::Null);
    put("consistencygroup_id", Value::Null);
    put("multiattach", json!(volume.multiattach));
    put("attachments", volume.attachments.iter().map(|attachment| attached(call, attachment)).collect());
    let admin = call.context.is_admin;
    if admin {
        put("migration_status", json!(volume.migration_status));
    }
    if call.has(13) {
        put("group_id", Value::Null);
    }
    if call.has(21) && admin {
        put("provider_id", Value::Null);
    }
    if call.has(48) {
        // an RBD client opens an image without a target that others could share
        put("shared_targets", json!(false));
        put("service_uuid", Value::Null);
    }
    if call.has(61) && admin {
        put("cluster_name", Value::Null);
    }
    if call.has(63) {
        put("volume_type_id", json!(volume.volume_type_id));
    }
    if let Some(key) = volume.encryption_key_id.filter(|_| call.has(64)) {
        put("encryption_key_id", json!(key));
    }
    if call.has(65) {
        put("consumes_quota", json!(true));
    }
    view
}

/// Taking an image over is shown as making one.
fn shown(status: Status) -> Status {
    match status {
        Status::Managing => Status::Creating,
        Status::ErrorManaging => Status::Error,
        other => other,
    }
}

/// The user's metadata with the flags that everybody may see.
fn metadata(volume: &VolumeView) -> Metadata {
    let mut all = volume.metadata.clone();
    let seen = volume.admin_metadata.iter().filter(|(key, _)| matches!(key.as_str(), "readonly" | "attached_mode"));
    all.extend(seen.map(|(key, value)| (key.clone(), value.clone())));
    all
}

fn attached(call: &Call, attachment: &Attachment) -> Value {
    json!({
        "id": attachment.volume_id,
        "attachment_id": attachment.id,
        "volume_id": attachment.volume_id,
        "server_id": attachment.instance_uuid,
        "host_name": attachment.host_name.as_ref().filter(|_| call.context.is_admin),
        "device": attachment.mountpoint,
        "attached_at": attachment.attached_at.to_string(),
    })
}
