//! Backups (API spec 2, R1 to R11).
//!
//! There is deliberately no `DELETE /backups/{id}/metadata/{key}`, as there is none in the reference. The openstack
//! client calls it for `unset --property`, but (seen with 10.5) for the keys that are to stay instead of those
//! that are to go: answering 404 makes it fail aloud, doing what it says would lose what the user meant to keep.

mod create;
mod delete;
mod export;
mod force_delete;
mod import;
mod list;
mod record;
mod reset;
mod restore;
mod show;
mod update;
mod view;

use catalog::backups::BackupView;
use catalog::volumes::VolumeView;
use catalog::{BackupId, SnapshotId, VolumeId};
use identity::Rule;
use serde_json::Value;

use crate::call::{Call, exact_uuid};
use crate::endpoint::Actions;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    let routes = Routes::new()
        .get("/backups", Microversion::MIN, list::summary, &list::SUMMARY)
        .get("/backups/detail", Microversion::MIN, list::detail, &list::DETAIL)
        .post("/backups", Microversion::MIN, create::create, &create::CREATE)
        .post("/backups/import_record", Microversion::MIN, import::import, &import::IMPORT)
        // where openstacksdk posts imports to (API spec 13); 4.22 also loses the record on the way there
        .post("/backups/export_record", Microversion::MIN, import::import, &import::IMPORT)
        .get("/backups/{id}", Microversion::MIN, show::show, &show::SHOW)
        .get("/backups/import_record", Microversion::MIN, show::show, &show::SHOW)
        .get("/backups/export_record", Microversion::MIN, show::show, &show::SHOW)
        .post("/backups/{id}/restore", Microversion::MIN, restore::restore, &restore::RESTORE)
        .get("/backups/{id}/export_record", Microversion::MIN, export::export, &export::EXPORT)
        .actions(
            "/backups/{id}/action",
            Actions::new().on("os-reset_status", Microversion::MIN, reset::reset, &reset::RESET).on(
                "os-force_delete",
                Microversion::MIN,
                force_delete::force_delete,
                &force_delete::FORCE_DELETE,
            ),
        );
    // words with routes of their own are ids to the other methods
    ["/backups/{id}", "/backups/detail", "/backups/import_record", "/backups/export_record"].into_iter().fold(
        routes,
        |routes, path| {
            routes.put(path, Microversion::v3(9), update::update, &update::UPDATE).delete(
                path,
                Microversion::MIN,
                delete::delete,
                &delete::DELETE,
            )
        },
    )
}

/// The backup in the path that the caller can see and get. `backup:get` comes first for whatever is done
/// with a backup (API spec 9.3).
pub(super) async fn find(call: &Call) -> Result<BackupView, ApiError> {
    let backup = match exact_uuid(call.param("id")) {
        Some(id) => call.catalog().backup(BackupId(id), &call.scope()).await?,
        None => None,
    };
    let backup = backup.ok_or_else(|| unknown_backup(call))?;
    call.allow(Rule::BackupGet, &backup)?;
    Ok(backup)
}

/// 404 for the backup in the path.
pub(super) fn unknown_backup(call: &Call) -> ApiError {
    ApiError::not_found("Backup", call.param("id"))
}

/// The volume that a body names by a text that fits the schema, or 404: an id in another form than ours names
/// nothing.
fn volume_id(text: &str) -> Result<VolumeId, ApiError> {
    exact_uuid(text).map(VolumeId).ok_or_else(|| ApiError::not_found("Volume", text))
}

/// As [`volume_id`], for a snapshot.
fn snapshot_id(text: &str) -> Result<SnapshotId, ApiError> {
    exact_uuid(text).map(SnapshotId).ok_or_else(|| ApiError::not_found("Snapshot", text))
}

/// A name or description as it is stored: trimmed.
fn trimmed(value: &Value) -> Option<String> {
    value.as_str().map(|text| text.trim().to_owned())
}

/// A text that is kept as it is; an empty one counts as none.
fn some_text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A volume. One that the policy does not let the caller get is not there (API spec 9.4).
async fn visible_volume(call: &Call, id: VolumeId) -> Result<VolumeView, ApiError> {
    let volume = call.catalog().volume(id, &call.scope()).await?;
    volume.filter(|volume| call.may(Rule::VolumeGet, volume)).ok_or_else(|| ApiError::not_found("Volume", id))
}
