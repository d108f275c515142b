//! `os-set_image_metadata`, `os-unset_image_metadata` and `os-show_image_metadata` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::{MetadataRejected, VolumeView};
use catalog::{Metadata, MetadataEdit};
use identity::Rule;
use serde_json::json;

use super::super::{find, metadata, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::metadata_body::{MAP_SHAPE, refusal};
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema};

static SET_SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-set_image_metadata",
        Schema::Object(&Object::strict(&[Key::new("metadata", Schema::Metadata { nullable: false })], &["metadata"])),
    )],
    &["os-set_image_metadata"],
));

pub(super) static SET: Operation =
    Operation::ok("Adds to what is known of a volume's image.", &MAP_SHAPE).takes(&SET_SCHEMA);

pub(super) async fn set(call: Call) -> Result<Reply, ApiError> {
    let more = schema::metadata(call.body()?["os-set_image_metadata"].get("metadata")).unwrap_or_default();
    let volume = find(&call).await?;
    call.allow(Rule::VolumeImageMetadataSet, &volume)?;
    call.allow(Rule::VolumeUpdateMetadata, &volume)?;
    let metadata = edit(&call, &volume, &MetadataEdit::Merge(more)).await?;
    Reply::ok(&json!({ "metadata": metadata }))
}

static UNSET_SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-unset_image_metadata",
        Schema::Object(&Object::strict(&[Key::new("key", Schema::some_text(1, 255))], &["key"])),
    )],
    &["os-unset_image_metadata"],
));

pub(super) static UNSET: Operation =
    Operation::empty("Takes a key out of what is known of a volume's image.", StatusCode::OK).takes(&UNSET_SCHEMA);

pub(super) async fn unset(call: Call) -> Result<Reply, ApiError> {
    let key = call.body()?["os-unset_image_metadata"]["key"].as_str().unwrap_or_default().to_owned();
    let volume = find(&call).await?;
    call.allow(Rule::VolumeImageMetadataRemove, &volume)?;
    call.allow(Rule::VolumeDeleteMetadata, &volume)?;
    edit(&call, &volume, &MetadataEdit::Remove(key)).await?;
    Ok(Reply::empty(StatusCode::OK))
}

pub(super) static SHOW: Operation = Operation::ok("Shows what is known of a volume's image.", &MAP_SHAPE);

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let volume = find(&call).await?;
    call.allow(Rule::VolumeGetMetadata, &volume)?;
    Reply::ok(&json!({ "metadata": volume.image_metadata }))
}

async fn edit(call: &Call, volume: &VolumeView, change: &MetadataEdit) -> Result<Metadata, ApiError> {
    let edited = call.catalog().edit_volume_image_metadata(volume.id, &call.scope(), change).await?;
    edited.map_err(|rejected| match rejected {
        MetadataRejected::NotFound => missing(volume.id),
        MetadataRejected::Edit(rejected) => refusal(rejected, "volume's image metadata", || {
            ApiError::fault(StatusCode::NOT_FOUND, "Metadata item was not found.")
        }),
        MetadataRejected::Status(status) => metadata::fixed(change, status),
        // only a change that names what it has seen can find something else
        MetadataRejected::Changed => ApiError::internal("an unconditional change met a condition"),
    })
}
