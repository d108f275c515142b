//! `GET /limits` (API spec 11.3).

use catalog::ProjectId;
use catalog::quotas::Resource;
use identity::Rule;
use serde_json::{Map, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::{Field, Form, Operation, Parameter, Shape};
use crate::reply::Reply;
use crate::router::Routes;

pub(super) fn routes() -> Routes {
    Routes::new().get("/limits", Microversion::MIN, show, &SHOW)
}

/// The version in which administrators could ask for another project.
const OTHER_PROJECT: u16 = 39;

/// What is shown of which resource: its limit and its usage.
const SHOWN: &[(Resource, &str, &str)] = &[
    (Resource::Volumes, "maxTotalVolumes", "totalVolumesUsed"),
    (Resource::Snapshots, "maxTotalSnapshots", "totalSnapshotsUsed"),
    (Resource::Gigabytes, "maxTotalVolumeGigabytes", "totalGigabytesUsed"),
    (Resource::Backups, "maxTotalBackups", "totalBackupsUsed"),
    (Resource::BackupGigabytes, "maxTotalBackupGigabytes", "totalBackupGigabytesUsed"),
];

static SHOW: Operation = Operation::ok(
    "Shows a project's limits and what of them is used.",
    &Shape::Record(&[Field::new(
        "limits",
        Shape::Record(&[
            Field::new("rate", Shape::List(&Shape::Any)),
            Field::new("absolute", Shape::Map(&Shape::Integer)),
        ]),
    )]),
)
.asks(&[
    Parameter::query("project_id", Form::Text, "Another project's, for administrators.")
        .since(Microversion::v3(OTHER_PROJECT)),
    Parameter::query("tenant_id", Form::Text, "The same.").since(Microversion::v3(OTHER_PROJECT)),
]);

async fn show(call: Call) -> Result<Reply, ApiError> {
    let project = project(&call);
    let quotas = call.catalog().quotas(&project, &call.scope()).await?;
    let shown = || {
        SHOWN.iter().filter_map(|(resource, max, used)| {
            Some((quotas.iter().find(|limit| limit.resource == *resource)?, *max, *used))
        })
    };
    let mut absolute = Map::new();
    for (limit, max, _) in shown() {
        absolute.insert(max.to_owned(), json!(limit.limit));
    }
    // without the rule there are only the limits (API spec 9.4)
    if call.may(Rule::UsedLimits, &project) {
        for (limit, _, used) in shown() {
            absolute.insert(used.to_owned(), json!(limit.in_use));
        }
    }
    Reply::ok(&json!({ "limits": { "rate": [], "absolute": absolute } }))
}

/// The caller's project, or the one that an administrator names.
fn project(call: &Call) -> ProjectId {
    let named = call.query.get("project_id").or_else(|| call.query.get("tenant_id"));
    match named {
        Some(named) if call.has(OTHER_PROJECT) && call.context.is_admin => ProjectId::from(named),
        _ => call.project_or_none(),
    }
}
