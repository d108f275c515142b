//! Request schemas as JSON schemas.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::shape::nullable;
use super::since;
use crate::microversion::Microversion;
use crate::schema::{FALSE, Form, KEY_PATTERN, LONGEST_VALUE, Object, Schema, TRUE, Text, Unknown, is_printable};

/// Any text that can be stored.
const STORABLE: &str = r"^[^\u0000]*$";

/// A request schema as a JSON schema.
pub(super) fn schema(schema: &Schema) -> Value {
    match schema {
        Schema::Object(members) => object(members),
        Schema::ObjectOrNull(members) => nullable(object(members)),
        Schema::Text(text) => self::text(*text),
        Schema::Uuid { nullable } => or_null(json!({ "type": "string", "format": "uuid" }), *nullable),
        Schema::Boolean { nullable } => {
            let words: Vec<&str> = TRUE.into_iter().chain(FALSE).collect();
            let mut forms = vec![json!({ "type": "boolean" }), json!({ "type": "string", "enum": words })];
            if *nullable {
                forms.push(json!({ "type": "null" }));
            }
            json!({ "anyOf": forms })
        }
        Schema::Integer { min, max, or_digits, nullable } => {
            let number = json!({ "type": "integer", "minimum": min, "maximum": max });
            if !or_digits {
                return or_null(number, *nullable);
            }
            let mut forms = vec![number, json!({ "type": "string", "pattern": "^[0-9]+$" })];
            if *nullable {
                forms.push(json!({ "type": "null" }));
            }
            json!({ "anyOf": forms })
        }
        Schema::Metadata { nullable } => metadata(*nullable),
        // what is too long is refused all the same, only in other words
        Schema::MetadataOfAnyLength => metadata(true),
        Schema::AnyObject { nullable } => or_null(json!({ "type": "object" }), *nullable),
        Schema::OneOf(words) => json!({ "type": "string", "enum": words }),
        Schema::Any => json!({}),
    }
}

fn metadata(nullable: bool) -> Value {
    or_null(
        json!({
            "type": "object",
            "patternProperties": {
                KEY_PATTERN: { "type": "string", "maxLength": LONGEST_VALUE, "pattern": STORABLE },
            },
            "additionalProperties": false,
        }),
        nullable,
    )
}

fn or_null(schema: Value, is: bool) -> Value {
    if is { nullable(schema) } else { schema }
}

fn object(object: &Object) -> Value {
    let properties: Map<String, Value> =
        object.keys.iter().map(|key| (key.name.to_owned(), since(schema(&key.schema), key.since))).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !object.required.is_empty() {
        schema["required"] = json!(object.required);
    }
    if let Unknown::RefusedSince(version) = object.unknown {
        schema["description"] = json!(format!("Before {version} keys that are not known are ignored."));
    }
    if let Some((least, from)) = object.at_least {
        schema["minProperties"] = json!(least);
        if from > Microversion::MIN {
            schema["x-openstack-min-properties-since"] = json!(from.to_string());
        }
    }
    schema
}

fn text(text: Text) -> Value {
    let mut schema = json!({ "type": "string" });
    if text.min > 0 {
        schema["minLength"] = json!(text.min);
    }
    if text.max < usize::MAX {
        schema["maxLength"] = json!(text.max);
    }
    match text.form {
        Form::Any => schema["pattern"] = json!(STORABLE),
        Form::Printable => schema["pattern"] = json!(printable()),
        // the decoder is more lenient than this
        Form::Base64 => schema["format"] = json!("byte"),
    }
    or_null(schema, text.nullable)
}

/// Lines of the characters that the validator takes for printable, with the line's end that it lets through.
fn printable() -> String {
    let mut pattern = "^[".to_owned();
    let mut chars = (0..=0xffff_u32).filter_map(char::from_u32).filter(|&char| is_printable(char)).peekable();
    while let Some(first) = chars.next() {
        let mut last = first;
        while let Some(next) = chars.next_if(|&next| u32::from(next) == u32::from(last) + 1) {
            last = next;
        }
        _ = write!(pattern, r"\u{:04x}-\u{:04x}", u32::from(first), u32::from(last));
    }
    pattern.push_str(r"]*\n?$");
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_ranges_are_those_of_the_validator() {
        let pattern = printable();
        assert!(pattern.starts_with(r"^[\u0020-\u007e\u00a0-\u00ac\u00ae-"), "{pattern}");
        assert!(pattern.ends_with(r"\ufffd]*\n?$"), "{pattern}");
    }

    #[test]
    fn keys_say_since_when() {
        static OBJECT: Object = Object::strict(
            &[
                crate::schema::Key::new("name", Schema::NAME),
                crate::schema::Key::since("metadata", Microversion::v3(43), Schema::Metadata { nullable: true }),
            ],
            &["name"],
        );
        let made = schema(&Schema::ObjectOrNull(&OBJECT));
        assert_eq!(made["type"], json!(["object", "null"]));
        assert_eq!(made["required"], json!(["name"]));
        assert_eq!(made["additionalProperties"], json!(false));
        assert_eq!(
            made["properties"]["name"],
            json!({ "type": ["string", "null"], "maxLength": 255, "pattern": STORABLE })
        );
        assert_eq!(made["properties"]["metadata"]["x-openstack-microversion-min"], "3.43");
        assert_eq!(made["properties"]["metadata"]["type"], json!(["object", "null"]));
    }
}
