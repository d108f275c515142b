//! Request schemas as data, and what is wrong with a body in the reference's words (API spec 3, 8.2).
//!
//! A schema is a table. Its keys declare the version they appear in, and a key that is not there yet is a key
//! that is not there: it is refused like any unknown one. Only the first violation is told. It is looked for
//! in the reference's order: the type first, then the known keys as declared, then what is missing, then what
//! is too much.

mod check;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use check::{is_printable, validate, validate_member, whole};

use crate::microversion::Microversion;

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
