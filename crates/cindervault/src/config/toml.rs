//! TOML, and what is wrong with it and with its values, told without either: a line that can not be read may hold a
//! password, and so may a value that stands in the wrong place.

use figment::error::{Actual, Kind, OneOf};
use figment::providers::Format;
use serde::de::DeserializeOwned;

/// TOML whose mistakes are told by their place, without an excerpt.
#[derive(Debug)]
pub(crate) struct Toml;

impl Format for Toml {
    type Error = figment::Error;

    const NAME: &'static str = "TOML";

    fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, figment::Error> {
        toml::from_str(text).map_err(|error| figment::Error::from(place_and_reason(text, &error)))
    }
}

fn place_and_reason(text: &str, error: &toml::de::Error) -> String {
    let reason = error.message().lines().next().unwrap_or("it can not be read");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return reason.to_owned() };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {reason}")
}

/// What is wrong with a value: which one and where it was given, what it should be, and not what it is.
pub(super) fn wrong(error: &figment::Error) -> String {
    let what = match &error.kind {
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("must be {expected}, and not {}", kind_of(found))
        }
        Kind::UnknownVariant(_, known) => format!("must be {}", OneOf(known)),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "is too large a number, or too small a one".to_owned(),
        Kind::Unsupported(found) | Kind::UnsupportedKey(found, _) => format!("can not be {}", kind_of(found)),
        other => format!("{other}"),
    };
    let place = error.metadata.as_ref().map_or_else(String::new, |given| match &given.source {
        Some(source) => format!(" (in {source})"),
        None => format!(" (in {})", given.name),
    });
    if error.path.is_empty() { format!("{what}{place}") } else { format!("{}: {what}{place}", error.path.join(".")) }
}

fn kind_of(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "such a number",
        Actual::Char(_) | Actual::Str(_) => "such a text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "what it is",
    }
}
