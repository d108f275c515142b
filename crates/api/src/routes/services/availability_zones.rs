//! `GET /os-availability-zone` (API spec 11.3): the zones of the volume services.

use std::collections::BTreeMap;

use catalog::services::VOLUME_BINARY;
use identity::Rule;
use serde_json::{Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;

pub(super) static LIST: Operation = Operation::ok(
    "Lists the zones of the volume services.",
    &Shape::Record(&[Field::new(
        "availabilityZoneInfo",
        Shape::List(&Shape::Record(&[
            Field::new("zoneName", Shape::Text),
            Field::new("zoneState", Shape::Record(&[Field::new("available", Shape::Boolean)])),
        ])),
    )]),
);

pub(super) async fn list(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::AvailabilityZoneList)?;
    let mut zones: BTreeMap<String, bool> = BTreeMap::new();
    for service in call.catalog().list_services(Some(VOLUME_BINARY), None).await? {
        *zones.entry(service.zone).or_default() |= service.up && !service.disabled;
    }
    let zones: Vec<Value> = zones
        .into_iter()
        .map(|(name, available)| json!({ "zoneName": name, "zoneState": { "available": available } }))
        .collect();
    Reply::ok(&json!({ "availabilityZoneInfo": zones }))
}
