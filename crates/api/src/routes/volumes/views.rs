//! Volumes in answers.

use catalog::Metadata;
use catalog::attachments::{self, Attachment};
use catalog::volumes::{Status, VolumeView};
use identity::Rule;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::microversion::Microversion;
use crate::openapi::{Field, LINK, Shape};

/// What [`common`] makes.
const COMMON: [Field; 29] = [
    Field::new("id", Shape::Uuid),
    Field::new("status", Shape::Words(|| Status::ALL.iter().map(|status| status.as_str()).collect())),
    Field::new("size", Shape::Integer),
    Field::new("availability_zone", Shape::OrNull(&Shape::Text)),
    Field::new("created_at", Shape::Time),
    Field::new("updated_at", Shape::OrNull(&Shape::Time)),
    Field::new("name", Shape::OrNull(&Shape::Text)),
    Field::new("description", Shape::OrNull(&Shape::Text)),
    Field::new("volume_type", Shape::OrNull(&Shape::Text)),
    Field::new("snapshot_id", Shape::OrNull(&Shape::Uuid)),
    Field::new("source_volid", Shape::OrNull(&Shape::Uuid)),
    Field::new("metadata", Shape::Map(&Shape::Text)),
    Field::new("links", Shape::List(&LINK)),
    Field::new("user_id", Shape::Text),
    Field::new("bootable", Shape::OneOf(&["true", "false"])),
    Field::new("encrypted", Shape::Boolean),
    Field::new("replication_status", Shape::Null),
    Field::new("consistencygroup_id", Shape::Null),
    Field::new("multiattach", Shape::Boolean),
    Field::new("attachments", Shape::List(&ATTACHMENT)),
    Field::new("migration_status", Shape::OrNull(&Shape::Text)).sometimes(),
    Field::since("group_id", Microversion::v3(13), Shape::Null),
    Field::since("provider_id", Microversion::v3(21), Shape::Null).sometimes(),
    Field::since("shared_targets", Microversion::v3(48), Shape::Boolean),
    Field::since("service_uuid", Microversion::v3(48), Shape::Null),
    Field::since("cluster_name", Microversion::v3(61), Shape::Null).sometimes(),
    Field::since("volume_type_id", Microversion::v3(63), Shape::OrNull(&Shape::Uuid)),
    Field::since("encryption_key_id", Microversion::v3(64), Shape::Uuid).sometimes(),
    Field::since("consumes_quota", Microversion::v3(65), Shape::Boolean),
];

/// What [`full`] adds, for those who may see it.
const EXTENDED: [Field; 5] = [
    Field::new("volume_image_metadata", Shape::Map(&Shape::Text)).sometimes(),
    Field::new("os-vol-tenant-attr:tenant_id", Shape::Text).sometimes(),
    Field::new("os-vol-host-attr:host", Shape::OrNull(&Shape::Text)).sometimes(),
    Field::new("os-vol-mig-status-attr:migstat", Shape::OrNull(&Shape::Text)).sometimes(),
    Field::new("os-vol-mig-status-attr:name_id", Shape::Null).sometimes(),
];

static ATTACHMENT: Shape = Shape::Named(
    "Attachment",
    &Shape::Record(&[
        Field::new("id", Shape::Uuid),
        Field::new("attachment_id", Shape::Uuid),
        Field::new("volume_id", Shape::Uuid),
        Field::new("server_id", Shape::OrNull(&Shape::Uuid)),
        Field::new("host_name", Shape::OrNull(&Shape::Text)),
        Field::new("device", Shape::OrNull(&Shape::Text)),
        Field::new("attached_at", Shape::OrNull(&Shape::Time)),
    ]),
);

/// What a list shows, in the description.
pub(super) static SUMMARY: Shape = Shape::Named(
    "VolumeSummary",
    &Shape::Record(&[
        Field::new("id", Shape::Uuid),
        Field::new("name", Shape::OrNull(&Shape::Text)),
        Field::new("links", Shape::List(&LINK)),
    ]),
);

/// What create and update answer, in the description.
pub(super) static CHANGED_BODY: Shape =
    Shape::Record(&[Field::new("volume", Shape::Named("VolumeChanged", &Shape::Record(&COMMON)))]);

/// What show and the detailed list show, in the description.
pub(super) static FULL: Shape = Shape::Named("Volume", &Shape::Joined(&[&COMMON, &EXTENDED]));

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
    if !volume.image_metadata.is_empty() && call.may(Rule::VolumeImageMetadataShow, volume) {
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
    put("attachments", attachments(call, volume));
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

/// Those that are complete.
fn attachments(call: &Call, volume: &VolumeView) -> Value {
    let complete = |attachment: &&Attachment| attachment.status == attachments::Status::Attached;
    volume.attachments.iter().filter(complete).map(|attachment| attached(call, attachment)).collect()
}

fn attached(call: &Call, attachment: &Attachment) -> Value {
    json!({
        "id": attachment.volume_id,
        "attachment_id": attachment.id,
        "volume_id": attachment.volume_id,
        "server_id": attachment.instance_uuid,
        "host_name": attachment.host_name.as_ref().filter(|_| call.context.is_admin),
        "device": attachment.mountpoint,
        "attached_at": attachment.attached_at.map(|at| at.to_string()),
    })
}
