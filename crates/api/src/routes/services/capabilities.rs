//! `GET /capabilities/{host}`: what the backend of the volumes can do.

use axum::http::StatusCode;
use identity::Rule;
use serde_json::{Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::placement::{PROTOCOL, VENDOR, VERSION, parts};
use crate::reply::Reply;

pub(super) static SHOW: Operation = Operation::ok(
    "Shows what the backend of the volumes can do.",
    &Shape::Record(&[
        Field::new("namespace", Shape::Text),
        Field::new("vendor_name", Shape::Text),
        Field::new("volume_backend_name", Shape::Text),
        Field::new("pool_name", Shape::Text),
        Field::new("driver_version", Shape::Text),
        Field::new("storage_protocol", Shape::Text),
        Field::new("display_name", Shape::Null),
        Field::new("description", Shape::Null),
        Field::new("visibility", Shape::Null),
        Field::new("replication_targets", Shape::List(&Shape::Any)),
        Field::new(
            "properties",
            Shape::Map(&Shape::Record(&[
                Field::new("title", Shape::Text),
                Field::new("description", Shape::Text),
                Field::new("type", Shape::Text),
            ])),
        ),
    ]),
);

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::Capabilities)?;
    let asked = call.param("host");
    let own = call.settings().volume_host.as_str();
    // with or without the pool
    let service = own.split_once('#').map_or(own, |(service, _)| service);
    if asked != own && asked != service {
        return Err(ApiError::fault(
            StatusCode::NOT_FOUND,
            format!("Service cinder-volume could not be found on host {asked}."),
        ));
    }
    let (backend, pool) = parts(own);
    Reply::ok(&json!({
        "namespace": format!("OS::Storage::Capabilities::{asked}"),
        "vendor_name": VENDOR,
        "volume_backend_name": backend,
        "pool_name": pool,
        "driver_version": VERSION,
        "storage_protocol": PROTOCOL,
        "display_name": Value::Null,
        "description": Value::Null,
        "visibility": Value::Null,
        "replication_targets": [],
        "properties": {
            "thin_provisioning": {
                "title": "Thin Provisioning",
                "description": "Sets thin provisioning.",
                "type": "boolean",
            },
        },
    }))
}
