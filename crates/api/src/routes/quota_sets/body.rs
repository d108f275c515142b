//! `{"quota_set": {"volumes": 10, …}}`.

use catalog::quotas::Resource;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::fault::ApiError;
use crate::schema::Schema;

/// The limits in the description. They are read here and not by a schema: which keys there are depends on the
/// types of volumes.
pub(super) const LIMITS: Schema = Schema::AnyObject { nullable: false };

const MAX: i64 = 2_147_483_647;

/// From here on numbers are beyond any integer, and have no fraction: 2^63.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// Reads the new limits that a body names under `key`. `id` and `tenant_id` say whose they are, which the
/// path says already.
pub(super) async fn read(call: &Call, key: &str) -> Result<Vec<(Resource, i32)>, ApiError> {
    let limits = members(call.body.as_ref().ok_or_else(ApiError::malformed)?, key)?;
    let resources = call.catalog().quota_resources(&call.scope()).await?;
    let named = |name: &str| resources.iter().find(|resource| resource.to_string() == name);
    let bad: Vec<&str> = limits.keys().map(String::as_str).filter(|name| named(name).is_none()).collect();
    if !bad.is_empty() {
        return Err(ApiError::invalid_input(format!("Bad key(s) in quota set: {}", bad.join(", "))));
    }
    limits
        .iter()
        .filter_map(|(name, value)| Some((name, named(name)?, value)))
        .map(|(name, resource, value)| Ok((resource.clone(), limit(name, value)?)))
        .collect()
}

fn members(body: &Value, key: &str) -> Result<Map<String, Value>, ApiError> {
    let wrong = |value: &Value, kind: &str| {
        ApiError::bad_request(format!("{} is not of type '{kind}'", crate::python::repr(value)))
    };
    let body = body.as_object().ok_or_else(|| wrong(body, "object"))?;
    let set = body.get(key).ok_or_else(|| ApiError::bad_request(format!("'{key}' is a required property")))?;
    let members = set.as_object().ok_or_else(|| wrong(set, "object"))?;
    if members.is_empty() {
        return Err(ApiError::bad_request(format!(
            "Invalid input for field/attribute {key}. Value: {{}}. {{}} should be non-empty"
        )));
    }
    let mut limits = members.clone();
    limits.retain(|name, _| !matches!(name.as_str(), "id" | "tenant_id"));
    Ok(limits)
}

/// One limit, -1 for none. A text is refused without words of its own, as recorded.
fn limit(name: &str, value: &Value) -> Result<i32, ApiError> {
    let number = match value {
        Value::String(_) => return Err(ApiError::malformed()),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.as_i64().unwrap_or(i64::MAX),
        // a whole number that no integer of ours holds has become one with an exponent
        Value::Number(number) if number.as_f64().is_some_and(|number| number >= TOO_LARGE) => i64::MAX,
        Value::Number(number) if number.as_f64().is_some_and(|number| number <= -TOO_LARGE) => i64::MIN,
        _ => return Err(ApiError::bad_request(format!("{name} must be an integer"))),
    };
    if number < -1 {
        return Err(ApiError::bad_request(format!("{name} must be >= -1")));
    }
    i32::try_from(number).map_err(|_| ApiError::bad_request(format!("{name} must be <= {MAX}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits() {
        assert_eq!(limit("volumes", &json!(-1)).unwrap(), -1);
        assert_eq!(limit("volumes", &json!(MAX)).unwrap(), i32::MAX);
        let message = |value: Value| match limit("volumes", &value) {
            Err(ApiError::Fault { message, .. }) => message.into_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(message(json!(-2)), "volumes must be >= -1");
        assert_eq!(message(json!(MAX + 1)), "volumes must be <= 2147483647");
        assert_eq!(message(json!(u64::MAX)), "volumes must be <= 2147483647");
        for (sent, wrong) in [
            ("1180591620717411303424", "volumes must be <= 2147483647"),
            ("-1180591620717411303424", "volumes must be >= -1"),
            ("9223372036854775808", "volumes must be <= 2147483647"),
            ("2147483647.5", "volumes must be an integer"),
        ] {
            assert_eq!(message(serde_json::from_str(sent).unwrap()), wrong, "{sent}");
        }
        for value in [json!(1.0), json!(null), json!(true), json!([])] {
            assert_eq!(message(value), "volumes must be an integer");
        }
        assert!(message(json!("5")).starts_with("The server could not comply"));
    }

    #[test]
    fn sets() {
        let read = |body: Value| members(&body, "quota_set");
        assert_eq!(read(json!({"quota_set": {"id": "x", "volumes": 1}})).unwrap().len(), 1);
        for body in [json!(null), json!([]), json!({}), json!({"quota_set": null}), json!({"quota_set": {}})] {
            assert!(read(body.clone()).is_err(), "{body}");
        }
    }
}
