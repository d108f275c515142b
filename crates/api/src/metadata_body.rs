//! The bodies of the metadata sub-resources, the same for volumes and snapshots (API spec 11.1, 11.2).

use catalog::{Metadata, MetadataEdit};

use crate::call::Call;
use crate::fault::ApiError;
use crate::schema::{self, Key, Object, Schema};

static MAP: Schema =
    Schema::Object(&Object::strict(&[Key::new("metadata", Schema::Metadata { nullable: false })], &["metadata"]));
static ITEM: Schema =
    Schema::Object(&Object::strict(&[Key::new("meta", Schema::Metadata { nullable: false })], &["meta"]));

/// `{"metadata": {…}}`.
pub(crate) fn map(call: &Call) -> Result<Metadata, ApiError> {
    Ok(schema::metadata(call.body(&MAP)?.get("metadata")).unwrap_or_default())
}

/// `{"meta": {key: value}}`, of the key that the path names.
pub(crate) fn item(call: &Call) -> Result<Metadata, ApiError> {
    let item = schema::metadata(call.body(&ITEM)?.get("meta")).unwrap_or_default();
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
