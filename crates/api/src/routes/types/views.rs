//! Volume types in answers.

use catalog::Metadata;
use catalog::types::VolumeType;
use identity::Rule;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::openapi::{Field, Shape};

/// The extra specs that everybody may see.
const VISIBLE: &[&str] = &["RESKEY:availability_zones", "multiattach", "replication_enabled"];

/// What [`common`] makes.
const COMMON: [Field; 5] = [
    Field::new("id", Shape::Uuid),
    Field::new("name", Shape::Text),
    Field::new("is_public", Shape::Boolean),
    Field::new("description", Shape::OrNull(&Shape::Text)),
    Field::new("extra_specs", Shape::Map(&Shape::Text)),
];

/// The old name of what everybody sees.
const ACCESS: [Field; 1] = [Field::new("os-volume-type-access:is_public", Shape::Boolean)];

/// What list and show show, in the description.
pub(super) static FULL: Shape = Shape::Named(
    "VolumeType",
    &Shape::Joined(&[&COMMON, &ACCESS, &[Field::new("qos_specs_id", Shape::Null).sometimes()]]),
);

/// What show answers, in the description.
pub(super) static FULL_BODY: Shape = Shape::Record(&[Field::new("volume_type", Shape::Same(&FULL))]);

/// What create answers, in the description.
pub(super) static CREATED_BODY: Shape = Shape::Record(&[Field::new("volume_type", Shape::Joined(&[&COMMON, &ACCESS]))]);

/// What update answers, in the description.
pub(super) static UPDATED_BODY: Shape = Shape::Record(&[Field::new("volume_type", Shape::Record(&COMMON))]);

/// What list and show show.
pub(super) fn full(call: &Call, volume_type: &VolumeType) -> Value {
    let mut view = common(call, volume_type);
    view.insert("os-volume-type-access:is_public".to_owned(), json!(volume_type.is_public));
    if call.context.is_admin {
        view.insert("qos_specs_id".to_owned(), Value::Null);
    }
    Value::Object(view)
}

/// What create shows.
pub(super) fn created(call: &Call, volume_type: &VolumeType) -> Value {
    let mut view = common(call, volume_type);
    view.insert("os-volume-type-access:is_public".to_owned(), json!(volume_type.is_public));
    Value::Object(view)
}

/// What update shows.
pub(super) fn updated(call: &Call, volume_type: &VolumeType) -> Value {
    Value::Object(common(call, volume_type))
}

/// The extra specs that the caller may see.
pub(super) fn extra_specs(call: &Call, volume_type: &VolumeType) -> Metadata {
    let mut specs = volume_type.extra_specs.clone();
    if call.allow_own(Rule::TypeExtraSpecsSensitive).is_err() {
        specs.retain(|name, _| VISIBLE.contains(&name.as_str()));
    }
    specs
}

fn common(call: &Call, volume_type: &VolumeType) -> Map<String, Value> {
    let mut view = Map::new();
    let mut put = |key: &str, value: Value| _ = view.insert(key.to_owned(), value);
    put("id", json!(volume_type.id));
    put("name", json!(volume_type.name));
    put("is_public", json!(volume_type.is_public));
    put("description", json!(volume_type.description));
    put("extra_specs", json!(extra_specs(call, volume_type)));
    view
}
