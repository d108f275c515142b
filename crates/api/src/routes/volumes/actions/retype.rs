//! `os-retype` (API spec 11.1).

use axum::http::StatusCode;
use catalog::volumes::{Retype, RetypeRejected};
use identity::Rule;

use super::super::{find, missing};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::Operation;
use crate::over_quota;
use crate::placement::capabilities;
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};

static SCHEMA: Schema = Schema::Object(&Object::strict(
    &[Key::new(
        "os-retype",
        Schema::Object(&Object::strict(
            &[Key::new("new_type", Schema::some_text(1, 255)), Key::new("migration_policy", Schema::text(0, 255))],
            &["new_type"],
        )),
    )],
    &["os-retype"],
));

/// What may become of the volume's data: there is one pool, so that nothing is ever moved.
const POLICIES: &[&str] = &["on-demand", "never"];

pub(super) static RETYPE: Operation =
    Operation::empty("Gives a volume another type.", StatusCode::ACCEPTED).takes(&SCHEMA);

pub(super) async fn retype(call: Call) -> Result<Reply, ApiError> {
    let body = &call.body()?["os-retype"];
    if let Some(policy) = body["migration_policy"].as_str()
        && !POLICIES.contains(&policy)
    {
        return Err(ApiError::bad_request(format!(
            "Invalid input for field/attribute migration_policy. Value: {policy}. '{policy}' is not one of \
             ['on-demand', 'never']"
        )));
    }
    let new_type = body["new_type"].as_str().unwrap_or_default();
    let volume = find(&call).await?;
    call.allow(Rule::VolumeRetype, &volume)?;
    let retype = Retype { volume: volume.id, new_type, capabilities: &capabilities(&call.settings().volume_host) };
    let retyped = call.catalog().retype_volume(retype, &call.scope(), Some(call.request_id.as_str())).await?;
    retyped.map(|()| Reply::accepted()).map_err(|rejected| match rejected {
        RetypeRejected::NotFound => missing(volume.id),
        RetypeRejected::NoSuchType => ApiError::invalid_input(format!("Invalid volume_type passed: {new_type}.")),
        RetypeRejected::NotNow => ApiError::invalid_volume(
            "Retype needs volume to be in available or in-use state, not be part of an active migration or a \
             consistency group, requested type has to be different that the one from the volume, and for in-use \
             volumes front-end qos specs cannot change.",
        ),
        RetypeRejected::Quota(exceeded) => over_quota::refuse(&exceeded),
    })
}
