//! `{"quota_set": {"volumes": 10, …}}`, and the like of classes. What is wrong with a body is told before the rule is asked, as of
//! any body.

use catalog::quotas::Resource;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::fault::ApiError;
use crate::schema::{self, Schema};

/// The limits in the description. They are read here and not by a schema: which keys there are depends on the
/// types of volumes.
pub(super) const LIMITS: Schema = Schema::AnyObject { nullable: false };

const MAX: i64 = 2_147_483_647;

/// The members of a project's set that say whose it is, which the path says already.
const WHOSE: [&str; 2] = ["id", "tenant_id"];

/// A limit in a class's set. Digits in a text are as good; a text has no sign.
static OF_CLASS: Schema = Schema::Integer { min: -1, max: MAX, or_digits: true, nullable: false };

/// Reads the new limits of a project.
pub(super) async fn of_project(call: &Call) -> Result<Vec<(Resource, i32)>, ApiError> {
    let set = members(call, "quota_set")?;
    if set.is_empty() {
        return Err(ApiError::bad_request(
            "Invalid input for field/attribute quota_set. Value: {}. {} should be non-empty",
        ));
    }
    let resources = call.catalog().quota_resources(&call.scope()).await?;
    let (mut limits, mut bad) = (Vec::new(), Vec::new());
    for (name, value) in set.iter().filter(|(name, _)| !WHOSE.contains(&name.as_str())) {
        match named(&resources, name) {
            Some(resource) => limits.push((resource.clone(), limit(name, value)?)),
            None => bad.push(name.as_str()),
        }
    }
    if bad.is_empty() { Ok(limits) } else { Err(unknown("quota set", &bad)) }
}

/// Reads the new limits of a class. There may be none.
pub(super) async fn of_class(call: &Call) -> Result<Vec<(Resource, i32)>, ApiError> {
    let set = members(call, "quota_class_set")?;
    let resources = call.catalog().quota_resources(&call.scope()).await?;
    let bad: Vec<&str> = set.keys().map(String::as_str).filter(|name| named(&resources, name).is_none()).collect();
    if !bad.is_empty() {
        return Err(unknown("quota class set", &bad));
    }
    set.iter()
        .filter_map(|(name, value)| Some((name, named(&resources, name)?, value)))
        .map(|(name, resource, value)| Ok((resource.clone(), limit_of_class(name, value)?)))
        .collect()
}

fn named<'a>(resources: &'a [Resource], name: &str) -> Option<&'a Resource> {
    resources.iter().find(|resource| resource.to_string() == name)
}

fn unknown(set: &str, bad: &[&str]) -> ApiError {
    ApiError::invalid_input(format!("Bad key(s) in {set}: {}", bad.join(", ")))
}

/// What stands under `key` in a body that fits the schema.
fn members<'a>(call: &'a Call, key: &str) -> Result<&'a Map<String, Value>, ApiError> {
    call.body()?[key].as_object().ok_or_else(ApiError::malformed)
}

/// One limit of a class, -1 for none.
fn limit_of_class(name: &str, value: &Value) -> Result<i32, ApiError> {
    // a text is compared with the bounds as a number, too
    let digits = value.as_str().and_then(|text| text.parse::<i64>().ok()).map(Value::from);
    let value = digits.as_ref().unwrap_or(value);
    schema::validate_member(&OF_CLASS, name, value).map_err(ApiError::bad_request)?;
    value
        .as_number()
        .and_then(schema::whole)
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(ApiError::malformed)
}

/// One limit, -1 for none. A text is refused without words of its own, as recorded.
fn limit(name: &str, value: &Value) -> Result<i32, ApiError> {
    if value.is_string() {
        return Err(ApiError::malformed());
    }
    let number = value.as_number().and_then(schema::whole);
    let number = number.ok_or_else(|| ApiError::bad_request(format!("{name} must be an integer")))?;
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
        assert_eq!(limit("volumes", &serde_json::from_str("-0").unwrap()).unwrap(), 0);
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
    fn limits_of_classes() {
        assert_eq!(limit_of_class("volumes", &json!(-1)).unwrap(), -1);
        assert_eq!(limit_of_class("volumes", &serde_json::from_str("-0").unwrap()).unwrap(), 0);
        assert_eq!(limit_of_class("volumes", &json!("007")).unwrap(), 7);
        for (value, wrong) in [
            (json!(-2), "Value: -2. -2 is less than the minimum of -1"),
            (json!("2147483648"), "Value: 2147483648. 2147483648 is greater than the maximum of 2147483647"),
            (json!("x"), "Value: x. 'x' does not match '^[0-9]+$'"),
            (json!(null), "Value: None. None is not of type 'integer', 'string'"),
        ] {
            match limit_of_class("volumes", &value) {
                Err(ApiError::Fault { message, .. }) => {
                    assert_eq!(message, format!("Invalid input for field/attribute volumes. {wrong}"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
