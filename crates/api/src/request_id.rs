//! Request ids (API spec 1.4).

use axum::http::{HeaderMap, HeaderValue};
use uuid::Uuid;

/// The answer's header, on every answer.
pub(crate) const LOCAL: &str = "x-openstack-request-id";
/// The answer's header, on answers of the API's resources.
pub(crate) const COMPUTE: &str = "x-compute-request-id";

/// Our own id of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// A new one.
    pub(crate) fn random() -> Self {
        Self(format!("req-{}", Uuid::new_v4()))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Puts the id into a header.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap, name: &'static str) {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            headers.insert(name, value);
        }
    }
}

/// The caller's id for the whole of its operation, over several services. Anything but `req-` and a
/// lower-case UUID is ignored.
pub(crate) fn global(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(LOCAL)?.to_str().ok()?;
    let id = text.strip_prefix("req-")?;
    (Uuid::try_parse(id).ok()?.to_string() == id).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_taken_over_is_safe_to_write_down(bytes: Vec<u8>, id in "req-[0-9a-fA-F-]{30,40}") {
            for bytes in [bytes.as_slice(), id.as_bytes()] {
                let Ok(value) = HeaderValue::from_bytes(bytes) else { continue };
                let headers = [(LOCAL.parse().unwrap(), value)].into_iter().collect();
                if let Some(taken) = global(&headers) {
                    proptest::prop_assert_eq!(taken.as_bytes(), bytes);
                    proptest::prop_assert!(taken.len() == 40 && !taken.contains(|char: char| char.is_ascii_uppercase()));
                }
            }
        }
    }

    #[test]
    fn only_a_request_id_is_taken_over() {
        let global_of = |text: &'static str| {
            global(&[(LOCAL.parse().unwrap(), HeaderValue::from_static(text))].into_iter().collect()).map(str::to_owned)
        };
        let id = "req-a968903c-3780-4960-b2c6-6956c4907676";
        assert_eq!(global_of(id).as_deref(), Some(id));
        for text in
            ["hello", "", "req-", "req-A968903C-3780-4960-b2c6-6956c4907676", "req-a968903c37804960b2c66956c4907676"]
        {
            assert_eq!(global_of(text), None, "{text}");
        }
    }
}
