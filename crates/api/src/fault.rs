//! What a request is answered with when it can not be done (API spec 8).

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The text of a 400 that has none of its own.
pub(crate) const MALFORMED: &str =
    "The server could not comply with the request since it is either malformed or otherwise incorrect.";
/// The text of a 404 that has none of its own.
pub(crate) const NO_RESOURCE: &str = "The resource could not be found.";
/// The text of every 500: what went wrong is for the log.
const ERRED: &str = "The server has either erred or is incapable of performing the requested operation.";

/// The text of a request too many.
const RATE_LIMITED: &str = "This request was rate-limited.";

/// How soon a client may ask again while the database is away.
const AWAY_FOR: Duration = Duration::from_secs(5);

/// A request that was not done, and why.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The request can not be done; the message is for the client.
    Fault {
        /// The status code.
        status: StatusCode,
        /// The message.
        message: Cow<'static, str>,
    },
    /// A quota is full; the message is for the client.
    OverLimit(String),
    /// The project has made more requests than it may.
    TooMany {
        /// When the next one is welcome.
        retry_after: Duration,
    },
    /// The caller is nobody. The body is that of the token filter, not a fault (API spec 9.1).
    Unauthorized {
        /// Where one gets a token.
        challenge: Option<String>,
    },
    /// Something that we need is away for now.
    Away {
        /// When asking again makes sense.
        retry_after: Duration,
        /// What is away, for the log.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Something is broken on our side. Nothing of it reaches the client.
    Internal(Box<dyn Error + Send + Sync>),
}

impl ApiError {
    /// A fault with any status.
    pub(crate) fn fault(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Fault { status, message: message.into() }
    }

    /// 400 with this message.
    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::fault(StatusCode::BAD_REQUEST, message)
    }

    /// 400 with the text of a 400 that has none of its own.
    pub(crate) fn malformed() -> Self {
        Self::bad_request(MALFORMED)
    }

    /// 400 `Malformed request body`.
    pub(crate) fn malformed_body() -> Self {
        Self::bad_request("Malformed request body")
    }

    /// 400 `Invalid input received: …`.
    pub(crate) fn invalid_input(message: impl fmt::Display) -> Self {
        Self::bad_request(format!("Invalid input received: {message}"))
    }

    /// 400 `Invalid backup: …`.
    pub(crate) fn invalid_backup(message: impl fmt::Display) -> Self {
        Self::bad_request(format!("Invalid backup: {message}"))
    }

    /// 400 `Invalid volume: …`.
    pub(crate) fn invalid_volume(message: impl fmt::Display) -> Self {
        Self::bad_request(format!("Invalid volume: {message}"))
    }

    /// 400 `Invalid snapshot: …`.
    pub(crate) fn invalid_snapshot(message: impl fmt::Display) -> Self {
        Self::bad_request(format!("Invalid snapshot: {message}"))
    }

    /// 404 `<Thing> <id> could not be found.`
    pub(crate) fn not_found(thing: &str, id: impl fmt::Display) -> Self {
        Self::fault(StatusCode::NOT_FOUND, format!("{thing} {id} could not be found."))
    }

    /// 404 with the text of a 404 that has none of its own.
    pub(crate) fn no_resource() -> Self {
        Self::fault(StatusCode::NOT_FOUND, NO_RESOURCE)
    }

    /// 404 for want of a backup worker (API spec 12, D4).
    pub(crate) fn no_backup_service() -> Self {
        Self::not_found("Service", "cinder-backup")
    }

    /// Our own mistake, described for the log.
    pub(crate) fn internal(what: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(what.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Fault { status, .. } => *status,
            Self::OverLimit(_) | Self::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::Away { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The fault's name (API spec 8.1).
pub(crate) fn name(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "badRequest",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "itemNotFound",
        405 => "badMethod",
        409 => "conflictingRequest",
        413 => "overLimit",
        415 => "badMediaType",
        501 => "notImplemented",
        503 => "serviceUnavailable",
        _ => "computeFault",
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let code = status.as_u16();
        let mut retry_after = None;
        let mut authenticate = None;
        let body = match self {
            Self::Fault { message, .. } => json!({ name(status): { "code": code, "message": message } }),
            Self::OverLimit(message) => {
                retry_after = Some(0);
                json!({ name(status): { "code": code, "message": message, "retryAfter": "0" } })
            }
            Self::TooMany { retry_after: delay } => {
                // whole seconds: the first at which there is room
                let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
                retry_after = Some(seconds);
                json!({ name(status): { "code": code, "message": RATE_LIMITED, "retryAfter": seconds.to_string() } })
            }
            Self::Unauthorized { challenge } => {
                authenticate = challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok());
                json!({ "error": {
                    "code": code,
                    "title": "Unauthorized",
                    "message": "The request you have made requires authentication.",
                } })
            }
            Self::Away { retry_after: delay, source } => {
                tracing::warn!(error = &*source as &dyn Error, "a request failed because something is away");
                retry_after = Some(delay.as_secs());
                json!({ name(status): { "code": code, "message": "The service is temporarily unavailable." } })
            }
            Self::Internal(source) => {
                tracing::error!(error = &*source as &dyn Error, "a request failed");
                json!({ name(status): { "code": code, "message": ERRED } })
            }
        };
        let mut response = (status, body.to_string()).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = authenticate {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<catalog::Error> for ApiError {
    fn from(error: catalog::Error) -> Self {
        match error {
            // the record changed under a request that had checked it; the same request again sees the change
            catalog::Error::Stale { .. } => Self::Away { retry_after: Duration::from_secs(1), source: Box::new(error) },
            // only a client can have sent it: our own texts have no NUL
            error if error.is_unstorable_text() => Self::malformed(),
            error if error.is_transient() => Self::Away { retry_after: AWAY_FOR, source: Box::new(error) },
            error => Self::Internal(Box::new(error)),
        }
    }
}

impl From<identity::Denied> for ApiError {
    fn from(denied: identity::Denied) -> Self {
        Self::fault(StatusCode::FORBIDDEN, denied.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parts(error: ApiError) -> (u16, Option<String>, String) {
        let response = error.into_response();
        let retry = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        (status, retry, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn bodies() {
        assert_eq!(
            parts(ApiError::not_found("Backup", "x")).await,
            (404, None, r#"{"itemNotFound":{"code":404,"message":"Backup x could not be found."}}"#.to_owned())
        );
        assert_eq!(
            parts(ApiError::OverLimit("full".to_owned())).await,
            (413, Some("0".to_owned()), r#"{"overLimit":{"code":413,"message":"full","retryAfter":"0"}}"#.to_owned())
        );
        assert_eq!(
            parts(ApiError::TooMany { retry_after: Duration::from_millis(1001) }).await,
            (
                413,
                Some("2".to_owned()),
                r#"{"overLimit":{"code":413,"message":"This request was rate-limited.","retryAfter":"2"}}"#.to_owned()
            )
        );
        assert_eq!(
            parts(ApiError::fault(StatusCode::NOT_ACCEPTABLE, "no")).await.2,
            r#"{"computeFault":{"code":406,"message":"no"}}"#
        );
        let internal = parts(ApiError::internal("password=hunter2")).await;
        assert_eq!(internal.0, 500);
        assert!(!internal.2.contains("hunter2"));
    }
}
