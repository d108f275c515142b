//! Names and descriptions of volumes, snapshots and types, and other words of requests.

use serde_json::Value;

use crate::fault::ApiError;

/// The longest name or description.
const LONGEST: usize = 255;

/// The new value of a text of a record: `None` when the body does not name it, under its own key or its old
/// one; `Some(None)` when it is to be nothing. Without blanks around it.
#[expect(clippy::option_option, reason = "not named, null and a text are three things")]
pub(crate) fn text(body: &Value, key: &str, old_key: &str) -> Result<Option<Option<String>>, ApiError> {
    let Some((key, value)) = [key, old_key].into_iter().find_map(|key| Some((key, body.get(key)?))) else {
        return Ok(None);
    };
    let Some(text) = value.as_str().map(str::trim) else { return Ok(Some(None)) };
    bounded(key, text)?;
    Ok(Some(Some(text.to_owned())))
}

/// Refuses a text that is longer than what is kept of any.
pub(crate) fn bounded(key: &str, text: &str) -> Result<(), ApiError> {
    let length = text.chars().count();
    if length > LONGEST {
        return Err(ApiError::invalid_input(format!("{key} has {length} characters, more than {LONGEST}.")));
    }
    Ok(())
}

/// A size in GiB: a number, or digits in a text.
pub(crate) fn gibibytes(value: &Value) -> Result<Option<i32>, ApiError> {
    let wrong = |shown: &dyn std::fmt::Display| {
        ApiError::invalid_input(format!(
            "Invalid volume size provided for create request: {shown} (size argument must be an integer (or string \
             representation of an integer) and greater than zero)."
        ))
    };
    match value {
        Value::Null => Ok(None),
        Value::String(text) => text.parse().ok().filter(|size| *size > 0).map(Some).ok_or_else(|| wrong(text)),
        other => other
            .as_i64()
            .and_then(|size| i32::try_from(size).ok())
            .filter(|size| *size > 0)
            .map(Some)
            .ok_or_else(|| wrong(other)),
    }
}

/// A boolean in a query: `None` when it is not there.
pub(crate) fn query_flag(call: &crate::call::Call, key: &str) -> Result<Option<bool>, ApiError> {
    call.query
        .get(key)
        .map(|word| {
            crate::query::boolean(word)
                .ok_or_else(|| ApiError::bad_request(format!("Value '{word}' for '{key}' is not a boolean.")))
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts() {
        let read = |body: Value| text(&body, "name", "display_name");
        assert_eq!(read(json!({})).unwrap(), None);
        assert_eq!(read(json!({"name": null, "display_name": "x"})).unwrap(), Some(None));
        assert_eq!(read(json!({"display_name": "  x "})).unwrap(), Some(Some("x".to_owned())));
        assert_eq!(read(json!({"name": " "})).unwrap(), Some(Some(String::new())));
        assert_eq!(read(json!({"name": format!(" {} ", "é".repeat(255))})).unwrap(), Some(Some("é".repeat(255))));
        assert!(read(json!({"name": "n".repeat(256)})).is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(gibibytes(&json!(null)).unwrap(), None);
        assert_eq!(gibibytes(&json!(3)).unwrap(), Some(3));
        assert_eq!(gibibytes(&json!("3")).unwrap(), Some(3));
        for size in [json!(0), json!("0"), json!("2147483648"), json!(2_147_483_648_i64), json!("x")] {
            assert!(gibibytes(&size).is_err(), "{size}");
        }
    }
}
