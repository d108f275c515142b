//! `POST /types` (API spec 11.3).

use axum::http::StatusCode;
use catalog::types::NewVolumeType;
use identity::Rule;
use serde_json::json;

use super::update::refuse;
use super::views;
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
                Key::new("name", Schema::some_text(1, 255)),
                Key::new("description", Schema::text(0, 255)),
                Key::new("extra_specs", Schema::Metadata { nullable: true }),
                Key::new("os-volume-type-access:is_public", Schema::Boolean { nullable: false }),
            ],
            &["name"],
        )),
    )],
    &["volume_type"],
));

pub(super) static CREATE: Operation =
    Operation::ok("Makes a volume type.", &views::CREATED_BODY).takes(&SCHEMA).refuses(&[StatusCode::CONFLICT]);

pub(super) async fn create(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["volume_type"];
    let name = wording::text(body, "name", "name")?.flatten().filter(|name| !name.is_empty());
    let new = NewVolumeType {
        name: name.ok_or_else(|| ApiError::bad_request("Volume type name can not be empty."))?,
        description: wording::text(body, "description", "description")?.flatten(),
        is_public: schema::boolean(body.get("os-volume-type-access:is_public")).unwrap_or(true),
        extra_specs: schema::metadata(body.get("extra_specs")).unwrap_or_default(),
    };
    call.allow_own(Rule::TypeCreate)?;
    let made = call.catalog().create_volume_type(&new).await?;
    let made = made.map_err(|rejected| refuse(rejected, &new.name, &new.name))?;
    Reply::json(StatusCode::OK, &json!({ "volume_type": views::created(&call, &made) }))
}
