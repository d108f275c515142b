//! What is wrong with a body, in the reference's words (API spec 3, 8.2).

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{FALSE, Form, KEY_PATTERN, LONGEST_KEY, LONGEST_VALUE, Object, Schema, TRUE, Text, Unknown};
use crate::microversion::Microversion;
use crate::python;

/// Checks a body.
///
/// # Errors
/// The message for the client.
pub(crate) fn validate(schema: &Schema, body: &Value, version: Microversion) -> Result<(), String> {
    check(schema, body, version, None).map_err(|wrong| wrong.message())
}

/// Whether a value is what a schema says, under a name that no schema can know; or what is wrong with it.
pub(crate) fn validate_member(schema: &Schema, name: &str, value: &Value) -> Result<(), String> {
    check(schema, value, Microversion::MAX, Some(name)).map_err(|wrong| wrong.message())
}

/// What is wrong, and where.
struct Wrong<'a> {
    field: Option<&'a str>,
    value: &'a Value,
    reason: String,
}

impl Wrong<'_> {
    fn message(&self) -> String {
        match self.field {
            Some(field) => format!(
                "Invalid input for field/attribute {field}. Value: {}. {}",
                python::text(self.value),
                self.reason
            ),
            None => self.reason.clone(),
        }
    }
}

type Check<'a> = Result<(), Wrong<'a>>;

fn check<'a>(schema: &Schema, value: &'a Value, version: Microversion, field: Option<&'a str>) -> Check<'a> {
    let wrong = |reason: String| Err(Wrong { field, value, reason });
    match schema {
        Schema::Object(object) => match value {
            Value::Object(members) => check_object(object, members, value, version, field),
            _ => wrong(not_of_type(value, "object", false)),
        },
        Schema::ObjectOrNull(object) => match value {
            Value::Object(members) => check_object(object, members, value, version, field),
            Value::Null => Ok(()),
            _ => wrong(not_of_type(value, "object", true)),
        },
        Schema::Text(text) => match value {
            Value::String(sent) => check_text(*text, sent).or_else(wrong),
            Value::Null if text.nullable => Ok(()),
            _ => wrong(not_of_type(value, "string", text.nullable)),
        },
        Schema::Uuid { nullable } => match value {
            Value::String(text) if is_uuid(text) => Ok(()),
            Value::Null if *nullable => Ok(()),
            _ if *nullable => wrong(format!("{} is not valid under any of the given schemas", python::repr(value))),
            Value::String(text) => wrong(format!("{} is not a 'uuid'", python::repr_text(text))),
            _ => wrong(not_of_type(value, "string", false)),
        },
        Schema::Boolean { nullable } => match value {
            Value::Bool(_) => Ok(()),
            Value::Null if *nullable => Ok(()),
            Value::String(word) if TRUE.contains(&word.as_str()) || FALSE.contains(&word.as_str()) => Ok(()),
            Value::String(_) => wrong(format!(
                "{} is not one of [True, {}, False, {}]",
                python::repr(value),
                python::repr_list(TRUE),
                python::repr_list(FALSE)
            )),
            _ => {
                let null = if *nullable { ", 'null'" } else { "" };
                wrong(format!("{} is not of type 'boolean', 'string'{null}", python::repr(value)))
            }
        },
        Schema::Integer { min, max, or_digits, nullable } => {
            check_integer(value, *min, *max, *or_digits, *nullable).or_else(wrong)
        }
        Schema::Metadata { nullable } => match value {
            Value::Object(members) => check_metadata(members, value, field, LONGEST_KEY, LONGEST_VALUE),
            Value::Null if *nullable => Ok(()),
            _ => wrong(not_of_type(value, "object", *nullable)),
        },
        Schema::MetadataOfAnyLength => match value {
            Value::Object(members) => check_metadata(members, value, field, usize::MAX, usize::MAX),
            Value::Null => Ok(()),
            _ => wrong(not_of_type(value, "object", true)),
        },
        Schema::AnyObject { nullable } => match value {
            Value::Object(_) => Ok(()),
            Value::Null if *nullable => Ok(()),
            _ => wrong(not_of_type(value, "object", *nullable)),
        },
        Schema::OneOf(words) => match value {
            Value::String(text) if words.contains(&text.as_str()) => Ok(()),
            Value::String(_) => {
                wrong(format!("{} is not one of [{}]", python::repr(value), python::repr_list(words.iter().copied())))
            }
            _ => wrong(not_of_type(value, "string", false)),
        },
        Schema::Any => Ok(()),
    }
}

fn not_of_type(value: &Value, wanted: &str, nullable: bool) -> String {
    let null = if nullable { ", 'null'" } else { "" };
    format!("{} is not of type '{wanted}'{null}", python::repr(value))
}

fn check_object<'a>(
    object: &Object,
    members: &'a Map<String, Value>,
    value: &'a Value,
    version: Microversion,
    field: Option<&'a str>,
) -> Check<'a> {
    let wrong = |reason: String| Err(Wrong { field, value, reason });
    let known = || object.keys.iter().filter(|key| key.since <= version);
    for key in known() {
        if let Some((name, member)) = members.get_key_value(key.name) {
            check(&key.schema, member, version, Some(name))?;
        }
    }
    if let Some(missing) = object.required.iter().find(|&&name| !members.contains_key(name)) {
        return wrong(format!("{} is a required property", python::repr_text(missing)));
    }
    let refused = match object.unknown {
        Unknown::Refused => true,
        Unknown::RefusedSince(since) => version >= since,
    };
    if refused {
        let mut extra: Vec<&str> =
            members.keys().map(String::as_str).filter(|name| known().all(|key| key.name != *name)).collect();
        extra.sort_unstable();
        if !extra.is_empty() {
            let verb = if extra.len() == 1 { "was" } else { "were" };
            let names = python::repr_list(extra);
            return wrong(format!("Additional properties are not allowed ({names} {verb} unexpected)"));
        }
    }
    match object.at_least {
        Some((least, since)) if version >= since && members.len() < least => {
            wrong(too_few(&python::repr(value), least))
        }
        _ => Ok(()),
    }
}

fn too_few(sent: &str, least: usize) -> String {
    if least == 1 { format!("{sent} should be non-empty") } else { format!("{sent} does not have enough properties") }
}

fn check_text(text: Text, sent: &str) -> Result<(), String> {
    let length = sent.chars().count();
    let quoted = || python::repr_text(sent);
    if length > text.max {
        return Err(format!("{} is too long", quoted()));
    }
    if length < text.min {
        let short = if text.min == 1 { "should be non-empty" } else { "is too short" };
        return Err(format!("{} {short}", quoted()));
    }
    match text.form {
        Form::Any => {}
        Form::Printable => {
            // as the reference's pattern, one line end at the end slips through, to be trimmed later
            let line = sent.strip_suffix('\n').unwrap_or(sent);
            if !line.chars().all(is_printable) {
                return Err(format!("{} does not match '^[printable characters]*$'", quoted()));
            }
        }
        Form::Base64 => {
            if crate::base64::decode(sent).is_none() {
                return Err(format!("{} is not a 'base64'", quoted()));
            }
        }
    }
    storable(sent)
}

/// Postgres can not store a NUL in a text.
fn storable(sent: &str) -> Result<(), String> {
    if sent.contains('\0') {
        return Err(format!("{} contains a character that can not be stored", python::repr_text(sent)));
    }
    Ok(())
}

/// Printable, or a blank that has a width, within the basic multilingual plane.
pub(crate) fn is_printable(char: char) -> bool {
    let blank = matches!(char, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}');
    u32::from(char) <= 0xffff && (blank || python::is_printable(char))
}

/// The whole number that was sent. One that no integer of ours holds is the last one before it: the parser makes a float of
/// it, as it does of `-0`.
pub(crate) fn whole(number: &Number) -> Option<i64> {
    /// 2^63: from here on floats have no fraction.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if number.is_u64() || number.is_i64() {
        return Some(number.as_i64().unwrap_or(i64::MAX));
    }
    match number.as_f64()? {
        float if float >= BEYOND => Some(i64::MAX),
        float if float <= -BEYOND => Some(i64::MIN),
        float if float.to_bits() == (-0.0_f64).to_bits() => Some(0),
        _ => None,
    }
}

fn check_integer(value: &Value, min: i64, max: i64, or_digits: bool, nullable: bool) -> Result<(), String> {
    match value {
        Value::Null if nullable => Ok(()),
        Value::String(text) if or_digits => {
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
                Ok(())
            } else {
                Err(format!("{} does not match '^[0-9]+$'", python::repr_text(text)))
            }
        }
        _ => match value.as_number().and_then(whole) {
            Some(number) if number >= min && number <= max => Ok(()),
            Some(number) => {
                let shown = if number == 0 { Cow::Borrowed("0") } else { Cow::Owned(python::repr(value)) };
                Err(if number < min {
                    format!("{shown} is less than the minimum of {min}")
                } else {
                    format!("{shown} is greater than the maximum of {max}")
                })
            }
            None => {
                let text = if or_digits { ", 'string'" } else { "" };
                let null = if nullable { ", 'null'" } else { "" };
                Err(format!("{} is not of type 'integer'{text}{null}", python::repr(value)))
            }
        },
    }
}

fn check_metadata<'a>(
    members: &'a Map<String, Value>,
    value: &'a Value,
    field: Option<&'a str>,
    longest_key: usize,
    longest_value: usize,
) -> Check<'a> {
    let is_key = |key: &str| {
        (1..=longest_key).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:. /".contains(&byte))
    };
    for (key, member) in members.iter().filter(|(key, _)| is_key(key)) {
        let wrong = |reason: String| Err(Wrong { field: Some(key), value: member, reason });
        match member {
            Value::String(text) if text.chars().count() > longest_value => {
                return wrong(format!("{} is too long", python::repr_text(text)));
            }
            Value::String(text) => storable(text).or_else(wrong)?,
            _ => return wrong(not_of_type(member, "string", false)),
        }
    }
    let mut odd: Vec<&str> = members.keys().map(String::as_str).filter(|key| !is_key(key)).collect();
    if odd.is_empty() {
        return Ok(());
    }
    odd.sort_unstable();
    let verb = if odd.len() == 1 { "does" } else { "do" };
    let names = python::repr_list(odd);
    let reason = format!("{names} {verb} not match any of the regexes: '{KEY_PATTERN}'");
    Err(Wrong { field, value, reason })
}

/// As Python's `uuid.UUID()` reads: `urn:`, `uuid:`, braces and dashes do not matter.
pub(super) fn is_uuid(text: &str) -> bool {
    let bare = text.replace("urn:", "").replace("uuid:", "");
    let digits = bare.trim_matches(['{', '}']).replace('-', "");
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}
