//! The metadata's `ETag`.

use std::fmt::Write;

use axum::http::HeaderValue;
use axum::http::header::{ETAG, IF_MATCH};
use catalog::Metadata;
use md5::{Digest, Md5};

use crate::call::Call;
use crate::fault::ApiError;
use crate::reply::Reply;

/// The version in which metadata got an `ETag`.
pub(super) const SINCE: u16 = 15;

/// The answer with the `ETag` of this metadata, where the version has it.
pub(super) fn stamp(call: &Call, reply: Reply, metadata: &Metadata) -> Result<Reply, ApiError> {
    if !call.has(SINCE) {
        return Ok(reply);
    }
    let value = HeaderValue::try_from(format!("\"{}\"", tag(metadata))).map_err(ApiError::internal)?;
    Ok(reply.with_header(ETAG, value))
}

/// Whether the caller's `If-Match` allows a change of this metadata.
pub(super) fn matches(call: &Call, metadata: &Metadata) -> bool {
    if !call.has(SINCE) {
        return true;
    }
    let mut wanted = call.headers.get_all(IF_MATCH).iter().peekable();
    if wanted.peek().is_none() {
        return true;
    }
    let tag = tag(metadata);
    wanted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim() == "*" || value.trim().trim_matches('"') == tag)
}

/// The MD5 of the metadata's JSON: a fingerprint, not a secret.
fn tag(metadata: &Metadata) -> String {
    let json = serde_json::to_vec(metadata).unwrap_or_default();
    Md5::digest(json).iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_md5_of_the_json() {
        assert_eq!(tag(&Metadata::new()), "99914b932bd37a50b983c5e7c90ae93b");
        assert_ne!(tag(&Metadata::from([("a".to_owned(), "b".to_owned())])), tag(&Metadata::new()));
    }
}
