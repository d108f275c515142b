//! Request schemas as data, and what is wrong with a body in the reference's words (API spec 3, 8.2).
//!
//! A schema is a table. Its keys declare the version they appear in, and a key that is not there yet is a key
//! that is not there: it is refused like any unknown one. Only the first violation is told. It is looked for
//! in the reference's order: the type first, then the known keys as declared, then what is missing, then what
//! is too much.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::microversion::Microversion;
use crate::python;

/// What a value must be.
#[derive(Debug)]
pub(crate) enum Schema {
    /// An object with known keys.
    Object(&'static Object),
    /// The same, or null.
    ObjectOrNull(&'static Object),
    /// A text.
    Text(Text),
    /// A UUID, written in any of the ways that Python reads.
    Uuid {
        /// Whether null is as good.
        nullable: bool,
    },
    /// A boolean, or one of the words for one.
    Boolean {
        /// Whether null is as good.
        nullable: bool,
    },
    /// A whole number.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
        /// Whether digits in a text are as good; such a text is not compared with the bounds.
        or_digits: bool,
        /// Whether null is as good.
        nullable: bool,
    },
    /// Text keys with text values.
    Metadata {
        /// Whether null is as good.
        nullable: bool,
    },
    /// The same, or null, where the handler looks at the lengths: see [`overlong`].
    MetadataOfAnyLength,
    /// An object with any keys.
    AnyObject {
        /// Whether null is as good.
        nullable: bool,
    },
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Anything.
    Any,
}

/// An object's keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// Those that are known.
    pub(crate) keys: &'static [Key],
    /// Those that must be there.
    pub(crate) required: &'static [&'static str],
    /// What becomes of the others.
    pub(crate) unknown: Unknown,
    /// At least so many keys, from this version on.
    pub(crate) at_least: Option<(usize, Microversion)>,
}

impl Object {
    /// These keys, the required ones among them, and no others.
    pub(crate) const fn strict(keys: &'static [Key], required: &'static [&'static str]) -> Self {
        Self { keys, required, unknown: Unknown::Refused, at_least: None }
    }
}

/// One key of an object.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: &'static str,
    /// The version it appeared with.
    pub(crate) since: Microversion,
    /// What its value must be.
    pub(crate) schema: Schema,
}

impl Key {
    /// A key that was always there.
    pub(crate) const fn new(name: &'static str, schema: Schema) -> Self {
        Self { name, since: Microversion::MIN, schema }
    }

    /// A key that appeared with a version.
    pub(crate) const fn since(name: &'static str, since: Microversion, schema: Schema) -> Self {
        Self { name, since, schema }
    }
}

/// What becomes of keys that a schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// They are refused.
    Refused,
    /// They are refused from this version on, and ignored before.
    RefusedSince(Microversion),
}

/// What a text must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    /// The fewest characters.
    pub(crate) min: usize,
    /// The most characters.
    pub(crate) max: usize,
    /// Which characters.
    pub(crate) form: Form,
    /// Whether null is as good.
    pub(crate) nullable: bool,
}

/// Which characters a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Any.
    Any,
    /// Printable ones of the basic multilingual plane.
    Printable,
    /// Such that a lenient decoder reads base64.
    Base64,
}

impl Schema {
    /// A name, `name0` in the spec.
    pub(crate) const NAME: Self = Self::text(0, 255);
    /// A description.
    pub(crate) const DESCRIPTION: Self = Self::Text(Text { min: 0, max: 255, form: Form::Printable, nullable: true });

    /// A text or null, of any characters.
    pub(crate) const fn text(min: usize, max: usize) -> Self {
        Self::Text(Text { min, max, form: Form::Any, nullable: true })
    }

    /// A text of any characters, and not null.
    pub(crate) const fn some_text(min: usize, max: usize) -> Self {
        Self::Text(Text { min, max, form: Form::Any, nullable: false })
    }
}

/// The words that mean true, in the reference's order.
pub(crate) const TRUE: [&str; 12] = ["True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t"];
/// The words that mean its opposite.
pub(crate) const FALSE: [&str; 12] = ["False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f"];

/// The pattern of a metadata key, for messages and the description.
pub(crate) const KEY_PATTERN: &str = "^[a-zA-Z0-9-_:. /]{1,255}$";

/// The longest key in metadata.
const LONGEST_KEY: usize = 255;

/// The longest value in metadata.
pub(crate) const LONGEST_VALUE: usize = 255;

/// What a valid [`Schema::Boolean`] means; null and what is missing mean nothing.
pub(crate) fn boolean(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(value) => Some(*value),
        Value::String(word) => Some(TRUE.contains(&word.as_str())),
        _ => None,
    }
}

/// What a valid [`Schema::Metadata`] holds; nothing for null.
pub(crate) fn metadata(value: Option<&Value>) -> Option<catalog::Metadata> {
    let members = value?.as_object()?;
    Some(members.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect())
}

/// What of a valid [`Schema::MetadataOfAnyLength`] is too long: `key` or `value`.
pub(crate) fn overlong(metadata: &catalog::Metadata) -> Option<&'static str> {
    metadata.iter().find_map(|(key, value)| {
        let long_value = value.chars().count() > LONGEST_VALUE;
        (key.len() > LONGEST_KEY).then_some("key").or(long_value.then_some("value"))
    })
}

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
fn is_uuid(text: &str) -> bool {
    let bare = text.replace("urn:", "").replace("uuid:", "");
    let digits = bare.trim_matches(['{', '}']).replace('-', "");
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    static BACKUP: Object = Object::strict(
        &[
            Key::new("volume_id", Schema::Uuid { nullable: false }),
            Key::new("name", Schema::NAME),
            Key::new("description", Schema::DESCRIPTION),
            Key::new("force", Schema::Boolean { nullable: false }),
            Key::new("snapshot_id", Schema::Uuid { nullable: true }),
            Key::since("metadata", Microversion::v3(43), Schema::Metadata { nullable: true }),
            Key::new("size", Schema::Integer { min: 1, max: 100, or_digits: true, nullable: true }),
        ],
        &["volume_id"],
    );
    static BODY: Schema = Schema::Object(&Object::strict(&[Key::new("backup", Schema::Object(&BACKUP))], &["backup"]));
    const V: &str = "150524bd-8634-46c9-b4bd-2fbcd3a38638";

    fn message(body: &Value) -> String {
        validate(&BODY, body, Microversion::v3(43)).err().unwrap_or_default()
    }

    fn field(name: &str, value: &Value) -> String {
        message(&json!({ "backup": { "volume_id": V, name: value } }))
    }

    #[test]
    fn recorded_messages() {
        assert_eq!(message(&json!(null)), "None is not of type 'object'");
        assert_eq!(message(&json!({"x": 1})), "'backup' is a required property");
        assert_eq!(
            message(&json!({"backup": {"name": "x"}})),
            "Invalid input for field/attribute backup. Value: {'name': 'x'}. 'volume_id' is a required property"
        );
        assert_eq!(
            message(&json!({"backup": {"volume_id": "abc"}})),
            "Invalid input for field/attribute volume_id. Value: abc. 'abc' is not a 'uuid'"
        );
        assert_eq!(
            field("bogus", &json!(1)),
            format!(
                "Invalid input for field/attribute backup. Value: {{'volume_id': '{V}', 'bogus': 1}}. \
                 Additional properties are not allowed ('bogus' was unexpected)"
            )
        );
        let long = "n".repeat(256);
        assert_eq!(
            field("name", &json!(long)),
            format!("Invalid input for field/attribute name. Value: {long}. '{long}' is too long")
        );
        let early = validate(&BODY, &json!({"backup": {"volume_id": V, "metadata": {"a": "b"}}}), Microversion::v3(42));
        assert_eq!(
            early.unwrap_err(),
            format!(
                "Invalid input for field/attribute backup. Value: {{'volume_id': '{V}', 'metadata': {{'a': 'b'}}}}. \
                 Additional properties are not allowed ('metadata' was unexpected)"
            )
        );
    }

    #[test]
    fn types() {
        let reason =
            |name: &str, value: Value| field(name, &value).rsplit_once(". ").map(|(_, reason)| reason.to_owned());
        assert_eq!(reason("name", json!(5)).unwrap(), "5 is not of type 'string', 'null'");
        assert_eq!(reason("volume_id", json!(null)).unwrap(), "None is not of type 'string'");
        assert_eq!(reason("snapshot_id", json!("")).unwrap(), "'' is not valid under any of the given schemas");
        assert_eq!(reason("force", json!(1)).unwrap(), "1 is not of type 'boolean', 'string'");
        assert!(reason("force", json!("maybe")).unwrap().starts_with("'maybe' is not one of [True, 'True', 'TRUE'"));
        assert_eq!(reason("size", json!(0)).unwrap(), "0 is less than the minimum of 1");
        assert_eq!(reason("size", json!(u64::MAX)).unwrap(), "18446744073709551615 is greater than the maximum of 100");
        let parsed = |text: &str| reason("size", serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(parsed("-0"), "0 is less than the minimum of 1");
        assert_eq!(parsed("100000000000000000000"), "1e+20 is greater than the maximum of 100");
        assert_eq!(parsed("-100000000000000000000"), "-1e+20 is less than the minimum of 1");
        assert_eq!(reason("size", json!("x")).unwrap(), "'x' does not match '^[0-9]+$'");
        assert_eq!(reason("size", json!(1.0)).unwrap(), "1.0 is not of type 'integer', 'string', 'null'");
        assert_eq!(reason("metadata", json!([])).unwrap(), "[] is not of type 'object', 'null'");
        assert_eq!(
            field("metadata", &json!({"k": null})),
            "Invalid input for field/attribute k. Value: None. None is not of type 'string'"
        );
        assert_eq!(
            field("metadata", &json!({"a#b": "x"})),
            "Invalid input for field/attribute metadata. Value: {'a#b': 'x'}. \
             'a#b' does not match any of the regexes: '^[a-zA-Z0-9-_:. /]{1,255}$'"
        );
    }

    #[test]
    fn what_is_accepted() {
        for (name, value) in [
            ("name", json!("\u{1f600}\n\t")),
            ("name", json!("é".repeat(255))),
            ("name", json!(null)),
            ("description", json!("a\u{a0}b\n")),
            ("force", json!("true")),
            ("force", json!("n")),
            ("snapshot_id", json!(null)),
            ("snapshot_id", json!("{150524bd863446c9b4bd2fbcd3a38638}")),
            ("volume_id", json!("urn:uuid:150524BD-8634-46C9-B4BD-2FBCD3A38638")),
            ("metadata", json!({})),
            ("metadata", json!({"a-Z_0:. /": ""})),
            ("size", json!("7")),
            ("size", json!(null)),
        ] {
            assert_eq!(field(name, &value), "", "{name} {value}");
        }
    }

    #[test]
    fn what_is_not() {
        for (name, value) in [
            ("name", json!("a\0b")),
            ("description", json!("a\nb")),
            ("description", json!("\u{1f600}")),
            ("description", json!("a\u{200b}b")),
            ("description", json!("a\u{2028}b")),
            ("description", json!("a\u{e000}")),
            ("force", json!("Y")),
            ("force", json!(null)),
            ("metadata", json!({"": "x"})),
            ("metadata", json!({"k": "v".repeat(256)})),
            ("metadata", json!({"k": 1})),
            ("type", json!("x")),
        ] {
            assert_ne!(field(name, &value), "", "{name} {value}");
        }
    }

    /// Bodies that look a little like ours.
    fn body() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(json!(V)),
        ];
        let key = || {
            prop_oneof![
                Just("backup".to_owned()),
                Just("volume_id".to_owned()),
                Just("name".to_owned()),
                Just("description".to_owned()),
                Just("metadata".to_owned()),
                Just("force".to_owned()),
                any::<String>(),
            ]
        };
        leaf.prop_recursive(6, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_panics(body in body(), minor in 0_u16..=71) {
            let verdict = validate(&BODY, &body, Microversion::v3(minor));
            if verdict.is_ok() {
                // what passes can be read by its keys
                prop_assert!(body["backup"]["volume_id"].as_str().is_some_and(is_uuid));
                prop_assert!(body["backup"]["metadata"].is_null() || metadata(body["backup"].get("metadata")).is_some());
            }
            python::repr(&body);
        }
    }
}
