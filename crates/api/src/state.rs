//! What every request can reach.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::Uri;
use catalog::Catalog;
use identity::{Authenticator, Context, Policy};

use crate::connection::Connection;
use crate::fault::ApiError;
use crate::filters::ResourceFilters;
use crate::throttle::Throttle;

/// Settings of the API.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address under which clients reach us, when it is not the one they send requests to: a proxy's,
    /// perhaps with a path. Links in answers begin with it. A trailing `/v3` is left out.
    pub public_url: Option<String>,
    /// The most records in one page of a list, and how many there are when a request names no limit.
    pub max_limit: u32,
    /// How many requests a project may make each second; any number if there is none.
    pub requests_per_second: Option<NonZeroU32>,
    /// The zone that new volumes are in when a request names none.
    pub availability_zone: String,
    /// Where new volumes are, as `host@backend#pool`.
    pub volume_host: String,
    /// How hosts reach the cluster of the volumes.
    pub connection: Connection,
    /// The filters that callers who are not administrators may use.
    pub resource_filters: ResourceFilters,
    /// How long requests that are being answered may go on after the server was told to stop.
    pub drain: Duration,
    /// How long a client may take to send the headers of a request; a connection that is silent for as long is closed.
    pub header_timeout: Duration,
    /// How long a client may take to send the body of a request.
    pub body_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            max_limit: 1000,
            requests_per_second: None,
            availability_zone: "nova".to_owned(),
            volume_host: "cindervault@rbd#volumes".to_owned(),
            connection: Connection::default(),
            resource_filters: ResourceFilters::default(),
            drain: Duration::from_secs(30),
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_mins(1),
        }
    }
}

/// A setting that can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The public URL is not one.
    #[error("public_url {0:?} is not an address that begins with http:// or https://")]
    PublicUrl(String),
    /// A page would have no records.
    #[error("max_limit must be at least 1")]
    MaxLimit,
}

/// The API: what its requests work with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    catalog: Catalog,
    authenticator: Authenticator,
    policy: Policy,
    throttle: Option<Throttle>,
    settings: Settings,
}

impl Api {
    /// Puts the parts together.
    ///
    /// # Errors
    /// A setting can not be used.
    pub fn new(
        catalog: Catalog,
        authenticator: Authenticator,
        policy: Policy,
        mut settings: Settings,
    ) -> Result<Self, SettingsError> {
        settings.public_url = settings.public_url.map(|url| public_base(&url)).transpose()?;
        if settings.max_limit == 0 {
            return Err(SettingsError::MaxLimit);
        }
        let throttle = settings.requests_per_second.map(Throttle::new);
        Ok(Self { inner: Arc::new(Inner { catalog, authenticator, policy, throttle, settings }) })
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.inner.authenticator
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Counts a request of this caller's project, or refuses it because there were too many. A caller without a
    /// project counts by itself.
    pub(crate) fn admit(&self, caller: &Context) -> Result<(), ApiError> {
        let Some(throttle) = &self.inner.throttle else { return Ok(()) };
        let project = caller.project_id.as_ref().unwrap_or(&caller.user_id);
        throttle.take(project, Instant::now()).map_err(|retry_after| ApiError::TooMany { retry_after })
    }
}

/// A public URL without trailing slashes and version.
fn public_base(url: &str) -> Result<String, SettingsError> {
    let wrong = || SettingsError::PublicUrl(url.to_owned());
    let parsed: Uri = url.parse().map_err(|_| wrong())?;
    let web = matches!(parsed.scheme_str(), Some("http" | "https"));
    if !web || parsed.host().is_none_or(str::is_empty) || parsed.query().is_some() {
        return Err(wrong());
    }
    let trimmed = url.trim_end_matches('/');
    let base = match trimmed.rsplit_once("/v") {
        Some((base, version))
            // `http://v3` is a host
            if !base.ends_with('/') && !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            base
        }
        _ => trimmed,
    };
    Ok(base.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls() {
        for (url, base) in [
            ("https://cloud.example:8776", "https://cloud.example:8776"),
            ("https://cloud.example/volume/", "https://cloud.example/volume"),
            ("http://cloud/volume/v3/", "http://cloud/volume"),
            ("http://v3", "http://v3"),
        ] {
            assert_eq!(public_base(url).as_deref(), Ok(base), "{url}");
        }
        for url in ["", "cloud", "ftp://cloud", "/volume", "http://", "http://h/?a=1"] {
            assert!(public_base(url).is_err(), "{url}");
        }
    }
}
