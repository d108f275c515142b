//! `GET /os-hosts`, `GET /os-hosts/{host}`: an old form of the list of services.

use axum::http::StatusCode;
use identity::Rule;
use serde_json::{Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Form, Operation, Parameter, Shape};
use crate::reply::Reply;

pub(super) static LIST: Operation = Operation::ok(
    "Lists services by host.",
    &Shape::Record(&[Field::new(
        "hosts",
        Shape::List(&Shape::Record(&[
            Field::new("host_name", Shape::Text),
            Field::new("service", Shape::Text),
            Field::new("zone", Shape::Text),
            Field::new("service-status", Shape::OneOf(&["available", "unavailable"])),
            Field::new("service-state", Shape::OneOf(&["enabled", "disabled"])),
            Field::new("last-update", Shape::Time),
        ])),
    )]),
)
.asks(&[Parameter::query("zone", Form::Text, "Only those of this zone.")]);

pub(super) async fn list(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::HostsManage)?;
    let zone = call.query.get("zone");
    let services = call.catalog().list_services(None, None).await?;
    let hosts: Vec<Value> = services
        .iter()
        .filter(|service| zone.is_none_or(|zone| zone == service.zone))
        .map(|service| {
            json!({
                "host_name": service.host,
                "service": service.binary_name,
                "zone": service.zone,
                "service-status": if service.up { "available" } else { "unavailable" },
                "service-state": if service.disabled { "disabled" } else { "enabled" },
                "last-update": service.heartbeat_at.to_string(),
            })
        })
        .collect();
    Reply::ok(&json!({ "hosts": hosts }))
}

pub(super) static SHOW: Operation = Operation::ok(
    "Shows what of whose is on a host.",
    &Shape::Record(&[Field::new(
        "host",
        Shape::List(&Shape::Record(&[Field::new(
            "resource",
            Shape::Record(&[
                Field::new("host", Shape::Text),
                Field::new("project", Shape::Text),
                Field::new("volume_count", Shape::Text),
                Field::new("total_volume_gb", Shape::Text),
                Field::new("snapshot_count", Shape::Text),
                Field::new("total_snapshot_gb", Shape::Text),
            ]),
        )])),
    )]),
);

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::HostsManage)?;
    let host = call.param("host");
    if call.catalog().list_services(None, Some(host)).await?.is_empty() {
        return Err(ApiError::fault(StatusCode::NOT_FOUND, format!("Host {host} could not be found.")));
    }
    let totals = call.catalog().totals_of_host(host).await?;
    let resource = |project: &str, volumes: i64, volume_gib: i64, snapshots: i64, snapshot_gib: i64| {
        json!({ "resource": {
            "host": host,
            "project": project,
            "volume_count": volumes.to_string(),
            "total_volume_gb": volume_gib.to_string(),
            "snapshot_count": snapshots.to_string(),
            "total_snapshot_gb": snapshot_gib.to_string(),
        } })
    };
    let sum = |part: fn(&catalog::services::HostTotal) -> i64| totals.iter().map(part).sum();
    let mut resources = vec![resource(
        "(total)",
        sum(|total| total.volumes),
        sum(|total| total.volume_gib),
        sum(|total| total.snapshots),
        sum(|total| total.snapshot_gib),
    )];
    resources.extend(totals.iter().map(|total| {
        let project = total.project_id.as_str();
        resource(project, total.volumes, total.volume_gib, total.snapshots, total.snapshot_gib)
    }));
    Reply::ok(&json!({ "host": resources }))
}
