//! The bodies of the metadata sub-resources, the same for volumes and snapshots (API spec 11.1, 11.2).

use catalog::{EditRejected, MAX_METADATA_BYTES, Metadata, MetadataEdit};

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Shape};
use crate::schema::{self, Key, Object, Schema};

/// The whole metadata, or what is added to it.
pub(crate) static MAP: Schema =
    Schema::Object(&Object::strict(&[Key::new("metadata", Schema::Metadata { nullable: false })], &["metadata"]));
/// One key of it.
pub(crate) static ITEM: Schema =
    Schema::Object(&Object::strict(&[Key::new("meta", Schema::Metadata { nullable: false })], &["meta"]));

/// The whole metadata in an answer.
pub(crate) static MAP_SHAPE: Shape = Shape::Record(&[Field::new("metadata", Shape::Map(&Shape::Text))]);
/// One key of it.
pub(crate) static ITEM_SHAPE: Shape = Shape::Record(&[Field::new("meta", Shape::Map(&Shape::Text))]);

/// `{"metadata": {…}}`.
pub(crate) fn map(call: &Call) -> Result<Metadata, ApiError> {
    Ok(schema::metadata(call.body()?.get("metadata")).unwrap_or_default())
}

/// `{"meta": {key: value}}`, of the key that the path names.
pub(crate) fn item(call: &Call) -> Result<Metadata, ApiError> {
    let item = schema::metadata(call.body()?.get("meta")).unwrap_or_default();
    if !item.contains_key(call.param("key")) {
        return Err(ApiError::bad_request("Request body and URI mismatch"));
    }
    if item.len() > 1 {
        return Err(ApiError::bad_request("Request body contains too many items"));
    }
    Ok(item)
}

/// The removal of the key that the path names.
pub(crate) fn removal(call: &Call) -> MetadataEdit {
    MetadataEdit::Remove(call.param("key").to_owned())
}

/// The answer to a change that can not be made: the 404 for a key that is not there, or 400 for too much of `what`.
pub(crate) fn refusal(rejected: EditRejected, what: &str, no_such_key: impl FnOnce() -> ApiError) -> ApiError {
    match rejected {
        EditRejected::NoSuchKey => no_such_key(),
        EditRejected::TooLarge { bytes } => ApiError::bad_request(format!(
            "The {what} would take {bytes} bytes as JSON. At most {MAX_METADATA_BYTES} are allowed; nothing was changed."
        )),
    }
}
