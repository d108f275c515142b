//! The connector in a body: what a host says of itself. Most of it matters to other drivers.

use std::str::FromStr;

use catalog::attachments::{Connector, Mode};
use catalog::volumes::Volume;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::fault::ApiError;
use crate::wording::bounded;

/// The words for no choice of a mode, as clients send them.
const NO_MODE: [&str; 2] = ["", "null"];

/// Reads a connector; an empty one is none.
pub(super) fn read<'a>(
    body: &Value,
    info: &'a (dyn Fn(&Volume, Uuid, Mode) -> Map<String, Value> + Sync),
) -> Result<Option<Connector<'a>>, ApiError> {
    let Some(body) = body.as_object().filter(|body| !body.is_empty()) else { return Ok(None) };
    let word = |key: &str| body.get(key).and_then(Value::as_str);
    let mode = match body.get("mode") {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) if NO_MODE.contains(&word.as_str()) => None,
        Some(Value::String(word)) => Some(Mode::from_str(word).map_err(|_| invalid_mode(word))?),
        Some(other) => return Err(invalid_mode(&other.to_string())),
    };
    for key in ["host", "hostname", "mountpoint"] {
        bounded(key, word(key).unwrap_or_default())?;
    }
    let host_name = word("host").or_else(|| word("hostname"));
    Ok(Some(Connector {
        host_name: host_name.map(str::to_owned),
        mountpoint: word("mountpoint").map(str::to_owned),
        mode,
        info,
    }))
}

fn invalid_mode(word: &str) -> ApiError {
    ApiError::invalid_input(format!("the connector's mode '{word}' is neither 'rw' nor 'ro'."))
}
