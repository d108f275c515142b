//! What stands in answers, as tables beside the code that renders them.

use serde_json::{Map, Value, json};

use super::{Components, since};
use crate::microversion::Microversion;

/// A point in time as answers write it.
const TIME: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}$";

/// The form of a value in an answer.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// A UUID.
    Uuid,
    /// A point in time.
    Time,
    /// A whole number.
    Integer,
    /// A boolean.
    Boolean,
    /// Nothing: a key that is there because clients expect it.
    Null,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of the words of an enum.
    Words(fn() -> Vec<&'static str>),
    /// This, or null.
    OrNull(&'static Shape),
    /// One of these.
    Either(&'static [Shape]),
    /// Any number of these.
    List(&'static Shape),
    /// Any keys with values of this form.
    Map(&'static Shape),
    /// These keys and no others.
    Record(&'static [Field]),
    /// All of these keys and no others.
    Joined(&'static [&'static [Field]]),
    /// These keys, and others with values of this form.
    Open(&'static [Field], &'static Shape),
    /// What is a table of its own.
    Same(&'static Shape),
    /// What is described once, under this name.
    Named(&'static str, &'static Shape),
    /// Any JSON.
    Any,
}

/// A key of a record.
#[derive(Debug)]
pub(crate) struct Field {
    name: &'static str,
    shape: Shape,
    since: Microversion,
    always: bool,
}

impl Field {
    /// A key that is always there.
    pub(crate) const fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, since: Microversion::MIN, always: true }
    }

    /// A key that is there from a version on.
    pub(crate) const fn since(name: &'static str, since: Microversion, shape: Shape) -> Self {
        Self { name, shape, since, always: true }
    }

    /// The same, left out where the caller may not see it or there is nothing to show.
    pub(crate) const fn sometimes(mut self) -> Self {
        self.always = false;
        self
    }
}

/// One link.
pub(crate) static LINK: Shape = Shape::Named(
    "Link",
    &Shape::Record(&[Field::new("rel", Shape::OneOf(&["self", "bookmark", "next"])), Field::new("href", Shape::Text)]),
);

impl Shape {
    /// The form as a JSON schema. Named ones go to the components.
    pub(super) fn schema(&self, components: &mut Components) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Uuid => json!({ "type": "string", "format": "uuid" }),
            Self::Time => json!({ "type": "string", "pattern": TIME }),
            Self::Integer => json!({ "type": "integer" }),
            Self::Boolean => json!({ "type": "boolean" }),
            Self::Null => json!({ "type": "null" }),
            Self::OneOf(words) => json!({ "type": "string", "enum": words }),
            Self::Words(words) => json!({ "type": "string", "enum": words() }),
            Self::OrNull(shape) => nullable(shape.schema(components)),
            Self::Either(shapes) => {
                json!({ "anyOf": shapes.iter().map(|shape| shape.schema(components)).collect::<Vec<_>>() })
            }
            Self::List(shape) => json!({ "type": "array", "items": shape.schema(components) }),
            Self::Map(shape) => json!({ "type": "object", "additionalProperties": shape.schema(components) }),
            Self::Record(fields) => record(*fields, &json!(false), components),
            Self::Joined(parts) => record(parts.iter().copied().flatten(), &json!(false), components),
            Self::Same(shape) => shape.schema(components),
            Self::Open(fields, others) => {
                let others = others.schema(components);
                record(*fields, &others, components)
            }
            Self::Named(name, shape) => components.schema(name, |components| shape.schema(components)),
            Self::Any => json!({}),
        }
    }
}

/// The same schema, or null.
pub(super) fn nullable(mut schema: Value) -> Value {
    let plain = schema.as_object().is_some_and(|members| members["type"].is_string() && !members.contains_key("enum"));
    if plain {
        schema["type"] = json!([schema["type"], "null"]);
        schema
    } else {
        json!({ "anyOf": [schema, { "type": "null" }] })
    }
}

fn record<'a>(fields: impl IntoIterator<Item = &'a Field>, others: &Value, components: &mut Components) -> Value {
    let mut required = Vec::new();
    let mut properties = Map::new();
    for field in fields {
        if field.always && field.since == Microversion::MIN {
            required.push(field.name);
        }
        properties.insert(field.name.to_owned(), since(field.shape.schema(components), field.since));
    }
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": others });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}
