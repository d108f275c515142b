//! What a request is answered with when it was done.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::fault::ApiError;

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    body: Vec<u8>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    /// An answer with a JSON body.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        Self::written(status, body, Vec::new())
    }

    /// 200 with a JSON body of about this length.
    pub(crate) fn long(body: &impl Serialize, length: usize) -> Result<Self, ApiError> {
        Self::written(StatusCode::OK, body, Vec::with_capacity(length))
    }

    fn written(status: StatusCode, body: &impl Serialize, mut buffer: Vec<u8>) -> Result<Self, ApiError> {
        serde_json::to_writer(&mut buffer, body).map_err(ApiError::internal)?;
        Ok(Self { status, body: buffer, headers: Vec::new() })
    }

    /// 200 with a JSON body.
    pub(crate) fn ok(body: &impl Serialize) -> Result<Self, ApiError> {
        Self::json(StatusCode::OK, body)
    }

    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, body: Vec::new(), headers: Vec::new() }
    }

    /// 202 without a body.
    pub(crate) fn accepted() -> Self {
        Self::empty(StatusCode::ACCEPTED)
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let length = self.body.len();
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        if self.status != StatusCode::NO_CONTENT {
            // an empty answer has the type too, as the reference's (API spec 2)
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response.headers_mut().extend(self.headers);
        response
    }
}
