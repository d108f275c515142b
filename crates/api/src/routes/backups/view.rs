//! A backup in answers (API spec 4.2, 4.3).

use catalog::backups::{BackupView, Status};
use catalog::{BackupId, Metadata, Time};
use identity::Rule;
use serde::Serialize;
use uuid::Uuid;

use crate::call::Call;
use crate::links::RecordLinks;
use crate::microversion::Microversion;
use crate::openapi::{Field, LINK, Shape};

/// A [`Summary`] in the description.
pub(super) static SUMMARY: Shape = Shape::Named(
    "BackupSummary",
    &Shape::Record(&[
        Field::new("id", Shape::Uuid),
        Field::new("name", Shape::OrNull(&Shape::Text)),
        Field::new("links", Shape::List(&LINK)),
    ]),
);

/// An answer with nothing but a [`Summary`].
pub(super) static SUMMARY_BODY: Shape = Shape::Record(&[Field::new("backup", Shape::Same(&SUMMARY))]);

/// A [`Detail`] in the description.
pub(super) static DETAIL: Shape = Shape::Named(
    "Backup",
    &Shape::Record(&[
        Field::new("id", Shape::Uuid),
        Field::new("status", Shape::Words(|| Status::ALL.iter().map(|status| status.as_str()).collect())),
        Field::new("size", Shape::Integer),
        Field::new("object_count", Shape::Integer),
        Field::new("availability_zone", Shape::OrNull(&Shape::Text)),
        Field::new("container", Shape::OrNull(&Shape::Text)),
        Field::new("created_at", Shape::Time),
        Field::new("updated_at", Shape::OrNull(&Shape::Time)),
        Field::new("name", Shape::OrNull(&Shape::Text)),
        Field::new("description", Shape::OrNull(&Shape::Text)),
        Field::new("fail_reason", Shape::OrNull(&Shape::Text)),
        Field::new("volume_id", Shape::Uuid),
        Field::new("links", Shape::List(&LINK)),
        Field::new("is_incremental", Shape::Boolean),
        Field::new("has_dependent_backups", Shape::Boolean),
        Field::new("snapshot_id", Shape::OrNull(&Shape::Uuid)),
        Field::new("data_timestamp", Shape::OrNull(&Shape::Time)),
        Field::since("metadata", Microversion::v3(43), Shape::Map(&Shape::Text)),
        Field::since("os-backup-project-attr:project_id", Microversion::v3(18), Shape::Text).sometimes(),
        Field::since("user_id", Microversion::v3(56), Shape::Text).sometimes(),
        Field::since("encryption_key_id", Microversion::v3(64), Shape::Uuid).sometimes(),
    ]),
);

/// What lists, creates, updates and imports answer, in every version.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    id: Uuid,
    name: Option<&'a str>,
    links: RecordLinks<'a>,
}

/// What show and the detailed list answer.
#[derive(Debug, Serialize)]
pub(super) struct Detail<'a> {
    id: Uuid,
    status: &'static str,
    size: i32,
    object_count: i32,
    availability_zone: Option<&'a str>,
    container: Option<&'a str>,
    created_at: Time,
    updated_at: Option<Time>,
    name: Option<&'a str>,
    description: Option<&'a str>,
    fail_reason: Option<&'a str>,
    volume_id: Uuid,
    links: RecordLinks<'a>,
    is_incremental: bool,
    has_dependent_backups: bool,
    snapshot_id: Option<Uuid>,
    data_timestamp: Option<Time>,
    /// Since 3.43.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Metadata>,
    /// Since 3.18, for whom the policy shows it.
    #[serde(rename = "os-backup-project-attr:project_id", skip_serializing_if = "Option::is_none")]
    project_id: Option<&'a str>,
    /// Since 3.56, for whom the policy shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    /// Since 3.64, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_key_id: Option<Uuid>,
}

pub(super) fn summary<'a>(call: &'a Call, id: BackupId, name: Option<&'a str>) -> Summary<'a> {
    Summary { id: id.0, name, links: call.links.of("backups", id.0) }
}

pub(super) fn detail<'a>(call: &'a Call, backup: &'a BackupView) -> Detail<'a> {
    // below 3.18 nobody is shown whose it is, so the policy is not asked
    let shows_owner = call.has(18) && call.may(Rule::BackupProjectAttribute, backup);
    Detail {
        id: backup.id.0,
        status: backup.status.as_str(),
        size: backup.size_gib,
        object_count: backup.object_count,
        availability_zone: backup.availability_zone.as_deref(),
        container: backup.container.as_deref(),
        created_at: backup.created_at,
        updated_at: backup.updated_at,
        name: backup.name.as_deref(),
        description: backup.description.as_deref(),
        fail_reason: backup.fail_reason.as_deref(),
        volume_id: backup.volume_id.0,
        links: call.links.of("backups", backup.id.0),
        is_incremental: backup.parent_id.is_some(),
        has_dependent_backups: backup.has_dependents,
        snapshot_id: backup.snapshot_id.map(|id| id.0),
        data_timestamp: backup.data_timestamp,
        metadata: call.has(43).then_some(&backup.metadata),
        project_id: shows_owner.then_some(backup.project_id.as_str()),
        user_id: (shows_owner && call.has(56)).then_some(backup.user_id.as_str()),
        encryption_key_id: backup.encryption_key_id.filter(|key| call.has(64) && !key.is_nil()),
    }
}
