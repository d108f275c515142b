//! `PUT /types/{id}` (API spec 11.3).

use axum::http::StatusCode;
use catalog::types::{TypeChange, WriteRejected};
use identity::Rule;
use serde_json::json;

use super::{find, missing, views};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::reply::Reply;
use crate::schema::{self, Key, Object, Schema};
use crate::wording;

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "volume_type",
        Schema::Object(&Object::strict(
            &[
                Key::new("name", Schema::text(0, 255)),
                Key::new("description", Schema::text(0, 255)),
                Key::new("is_public", Schema::Boolean { nullable: true }),
            ],
            &[],
        )),
    )],
    &["volume_type"],
));

pub(super) static UPDATE: Operation =
    Operation::ok("Changes a volume type.", &views::UPDATED_BODY).takes(&SCHEMA).refuses(&[StatusCode::CONFLICT]);

pub(super) async fn update(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["volume_type"];
    let change = TypeChange {
        name: wording::text(body, "name", "name")?.flatten(),
        description: wording::text(body, "description", "description")?.filter(Option::is_some),
        is_public: schema::boolean(body.get("is_public")),
    };
    if change.name.as_ref().is_some_and(String::is_empty) {
        return Err(ApiError::bad_request("Volume type name can not be empty."));
    }
    if change.name.is_none() && change.description.is_none() && change.is_public.is_none() {
        return Err(ApiError::bad_request(
            "Specify volume type name, description, is_public or a combination thereof.",
        ));
    }
    let found = find(&call).await?;
    call.allow_own(Rule::TypeUpdate)?;
    let changed = call.catalog().update_volume_type(found.id, &change).await?;
    let name = change.name.as_deref().unwrap_or_default();
    let changed = changed.map_err(|rejected| refuse(rejected, &found.id.to_string(), name))?;
    Reply::ok(&json!({ "volume_type": views::updated(&call, &changed) }))
}

/// A rejected write of the type of this id and name.
pub(super) fn refuse(rejected: WriteRejected, id: &str, name: &str) -> ApiError {
    match rejected {
        WriteRejected::NotFound => missing(id),
        WriteRejected::NameTaken => {
            ApiError::fault(StatusCode::CONFLICT, format!("Volume Type {name} already exists."))
        }
    }
}
