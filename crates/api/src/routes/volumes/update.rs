//! `PUT /volumes/{id}` (API spec 11.1).

use catalog::volumes::{UpdateRejected, VolumeChange};
use identity::Rule;
use serde_json::json;

use super::{find, missing, views};
use crate::call::Call;
use crate::fault::ApiError;
use crate::microversion::Microversion;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema, Unknown};
use crate::wording;

static SCHEMA: Schema = Schema::Object(&Object::strict(&[Key::new("volume", Schema::Object(&VOLUME))], &["volume"]));

static VOLUME: Object = Object {
    keys: &[
        Key::new("name", Schema::text(0, usize::MAX)),
        Key::new("description", Schema::text(0, usize::MAX)),
        Key::new("display_name", Schema::text(0, usize::MAX)),
        Key::new("display_description", Schema::text(0, usize::MAX)),
        Key::new("metadata", Schema::MetadataOfAnyLength),
    ],
    required: &[],
    unknown: Unknown::Refused,
    at_least: Some((1, Microversion::v3(53))),
};

pub(super) static UPDATE: Operation =
    Operation::ok("Changes a volume's name, description or metadata.", &views::CHANGED_BODY).takes(&SCHEMA);

pub(super) async fn update(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["volume"];
    let change = VolumeChange {
        name: wording::text(body, "name", "display_name")?,
        description: wording::text(body, "description", "display_description")?,
        metadata: schema::metadata(body.get("metadata")),
    };
    let volume = find(&call).await?;
    call.allow(Rule::VolumeUpdate, &volume)?;
    // a 413 here and nowhere else: the other routes that take metadata refuse it with their schema
    if let Some(part) = change.metadata.as_ref().and_then(schema::overlong) {
        return Err(ApiError::OverLimit(format!(
            "Invalid metadata size: Metadata property {part} greater than 255 characters."
        )));
    }
    match call.catalog().update_volume(volume.id, &call.scope(), &change).await? {
        Ok(changed) => Reply::ok(&json!({ "volume": views::changed(&call, &changed) })),
        Err(UpdateRejected::NotFound) => Err(missing(volume.id)),
        Err(UpdateRejected::Maintenance) => {
            Err(ApiError::invalid_volume("The volume cannot be updated during maintenance."))
        }
    }
}
