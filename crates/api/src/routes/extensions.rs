//! `GET /extensions`, `GET /extensions/{alias}` (API spec 11.3): what of the old extensions is here.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Field, LINK, Operation, Shape};
use crate::reply::Reply;
use crate::router::Routes;

/// An extension in the description.
static EXTENSION: Shape = Shape::Named(
    "Extension",
    &Shape::Record(&[
        Field::new("name", Shape::Text),
        Field::new("alias", Shape::Text),
        Field::new("description", Shape::Text),
        Field::new("updated", Shape::Text),
        Field::new("links", Shape::List(&LINK)),
    ]),
);

pub(super) fn routes() -> Routes {
    Routes::new().get("/extensions", Microversion::MIN, list, &LIST).get(
        "/extensions/{alias}",
        Microversion::MIN,
        show,
        &SHOW,
    )
}

struct Extension {
    alias: &'static str,
    name: &'static str,
    description: &'static str,
    updated: &'static str,
}

const EXTENSIONS: &[Extension] = &[
    extension("backups", "Backups", "Backups support.", "2012-12-12T00:00:00+00:00"),
    extension("os-admin-actions", "AdminActions", "Enable admin actions.", "2012-08-25T00:00:00+00:00"),
    extension("os-availability-zone", "AvailabilityZones", "Describe Availability Zones.", "2013-06-27T00:00:00+00:00"),
    extension("os-extended-services", "ExtendedServices", "Extended services support.", "2014-01-10T00:00:00-00:00"),
    extension(
        "os-extended-snapshot-attributes",
        "ExtendedSnapshotAttributes",
        "Extended SnapshotAttributes support.",
        "2012-06-19T00:00:00+00:00",
    ),
    extension("os-hosts", "Hosts", "Admin-only host administration.", "2011-06-29T00:00:00+00:00"),
    extension("os-quota-class-sets", "QuotaClasses", "Quota classes management support.", "2012-03-12T00:00:00+00:00"),
    extension("os-quota-sets", "Quotas", "Quota management support.", "2011-08-08T00:00:00+00:00"),
    extension("os-services", "Services", "Services support.", "2012-10-28T00:00:00-00:00"),
    extension(
        "os-snapshot-actions",
        "SnapshotActions",
        "Enable snapshot manager actions.",
        "2013-07-16T00:00:00+00:00",
    ),
    extension("os-types-extra-specs", "TypesExtraSpecs", "Type extra specs support.", "2011-08-24T00:00:00+00:00"),
    extension("os-types-manage", "TypesManage", "Types manage support.", "2011-08-24T00:00:00+00:00"),
    extension("os-used-limits", "UsedLimits", "Provide data on limited resources.", "2013-10-03T00:00:00+00:00"),
    extension(
        "os-vol-host-attr",
        "VolumeHostAttribute",
        "Expose host as an attribute of a volume.",
        "2011-11-03T00:00:00+00:00",
    ),
    extension(
        "os-vol-mig-status-attr",
        "VolumeMigStatusAttribute",
        "Expose migration_status as an attribute of a volume.",
        "2013-08-08T00:00:00+00:00",
    ),
    extension(
        "os-vol-tenant-attr",
        "VolumeTenantAttribute",
        "Expose the internal project_id as an attribute of a volume.",
        "2011-11-03T00:00:00+00:00",
    ),
    extension(
        "os-volume-transfer",
        "VolumeTransfer",
        "Volume transfer management support.",
        "2013-05-29T00:00:00+00:00",
    ),
    extension("os-volume-type-access", "VolumeTypeAccess", "Volume type access support.", "2014-06-26T00:00:00Z"),
    extension("os-volume-actions", "VolumeActions", "Enable volume actions.", "2012-05-31T00:00:00+00:00"),
    extension("scheduler-stats", "Scheduler_stats", "Scheduler stats support.", "2014-09-07T00:00:00+00:00"),
];

const fn extension(
    alias: &'static str,
    name: &'static str,
    description: &'static str,
    updated: &'static str,
) -> Extension {
    Extension { alias, name, description, updated }
}

static LIST: Operation =
    Operation::ok("Lists the extensions.", &Shape::Record(&[Field::new("extensions", Shape::List(&EXTENSION))]));

async fn list(_: Call) -> Result<Reply, ApiError> {
    let extensions: Vec<Value> = EXTENSIONS.iter().map(view).collect();
    Reply::ok(&json!({ "extensions": extensions }))
}

static SHOW: Operation =
    Operation::ok("Shows an extension.", &Shape::Record(&[Field::new("extension", Shape::Same(&EXTENSION))]));

async fn show(call: Call) -> Result<Reply, ApiError> {
    let alias = call.param("alias");
    match EXTENSIONS.iter().find(|extension| extension.alias == alias) {
        Some(extension) => Reply::ok(&json!({ "extension": view(extension) })),
        None => Err(ApiError::fault(StatusCode::NOT_FOUND, "The resource could not be found.")),
    }
}

fn view(extension: &Extension) -> Value {
    json!({
        "name": extension.name,
        "alias": extension.alias,
        "description": extension.description,
        "updated": extension.updated,
        "links": [],
    })
}
