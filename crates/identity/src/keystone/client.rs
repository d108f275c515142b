//! The questions that Keystone is asked over HTTP.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::revocation::{Event, Events};
use super::token::{Answer, Token};
use super::{KeystoneError, KeystoneSettings};
use crate::Secret;

/// How long one answer may take. A Keystone that is well needs a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// The largest answer that is read. Catalogues of large clouds have 100 KiB.
const MAX_ANSWER: usize = 1 << 20;

/// What Keystone says about a token.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is valid.
    Valid(Token),
    /// It is not: unknown, expired or revoked.
    Invalid,
    /// Our own token is not valid any more.
    WhoAreYou,
}

/// Keystone, reached as a service user.
pub(crate) struct Client {
    http: reqwest::Client,
    /// With the version, without a slash at its end.
    url: String,
    settings: KeystoneSettings,
}

impl Client {
    pub(crate) fn new(settings: KeystoneSettings) -> Result<Self, KeystoneError> {
        let url = versioned(&settings.auth_url)?;
        let http = connections(&url, &settings)?;
        Ok(Self { http, url, settings })
    }

    /// The address that is asked.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn settings(&self) -> &KeystoneSettings {
        &self.settings
    }

    /// Logs the service user in.
    pub(crate) async fn log_in(&self) -> Result<(Secret, Token), KeystoneError> {
        let what = "a login";
        let KeystoneSettings { username, password, project_name, user_domain_name, project_domain_name, .. } =
            &self.settings;
        let body = json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": {
                "name": username, "domain": { "name": user_domain_name }, "password": password.reveal(),
            } } },
            "scope": { "project": { "name": project_name, "domain": { "name": project_domain_name } } },
        } });
        let response = self.send(|| self.request(Method::POST, "/auth/tokens").json(&body)).await?;
        match response.status() {
            StatusCode::CREATED => {
                let token = response.headers().get("x-subject-token").and_then(|value| value.to_str().ok());
                let token = token.map(Secret::new).ok_or_else(|| garbled(what, "it has no X-Subject-Token"))?;
                Ok((token, read::<Answer>(what, response).await?.into()))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(KeystoneError::Refused { username: username.clone(), project: project_name.clone() })
            }
            status => Err(self.unexpected(what, status)),
        }
    }

    /// Asks about a token. With `even_expired`, one that expired not too long ago still counts.
    ///
    /// Tokens with access rules are refused by Keystone unless one promises to obey these; we do not.
    pub(crate) async fn look_up(
        &self,
        own: &Secret,
        token: &str,
        even_expired: bool,
    ) -> Result<Verdict, KeystoneError> {
        let what = "a question about a token";
        let path = if even_expired { "/auth/tokens?nocatalog&allow_expired=1" } else { "/auth/tokens?nocatalog" };
        let (own, token) = (hidden(own.reveal()), hidden(token));
        // not even a header
        let (Some(own), Some(token)) = (own, token) else { return Ok(Verdict::Invalid) };
        let request = || self.request(Method::GET, path).header("X-Auth-Token", &own).header("X-Subject-Token", &token);
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => Ok(Verdict::Valid(read::<Answer>(what, response).await?.into())),
            StatusCode::NOT_FOUND => Ok(Verdict::Invalid),
            StatusCode::UNAUTHORIZED => Ok(Verdict::WhoAreYou),
            StatusCode::FORBIDDEN => Err(KeystoneError::Forbidden(self.settings.username.clone())),
            status => Err(self.unexpected(what, status)),
        }
    }

    /// What was revoked since a moment; `None` when our own token is not valid any more.
    pub(crate) async fn revoked_since(
        &self,
        own: &Secret,
        since: Timestamp,
    ) -> Result<Option<Vec<Event>>, KeystoneError> {
        let what = "a question about revocations";
        // to the minute, since Keystone may remember its answer to each moment that it is asked for
        let path = format!("/OS-REVOKE/events?since={}", since.strftime("%Y-%m-%dT%H:%M:00Z"));
        let Some(own) = hidden(own.reveal()) else { return Ok(None) };
        let response = self.send(|| self.request(Method::GET, &path).header("X-Auth-Token", &own)).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(read::<Events>(what, response).await?.events)),
            StatusCode::UNAUTHORIZED => Ok(None),
            StatusCode::FORBIDDEN => Err(KeystoneError::Forbidden(self.settings.username.clone())),
            status => Err(self.unexpected(what, status)),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Sends a request, and once more if the connection broke: one that was kept may be gone by now. Asking
    /// twice does no harm.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, KeystoneError> {
        let broke = |error: &reqwest::Error| !error.is_timeout() && (error.is_connect() || error.is_request());
        match request().send().await {
            Err(error) if broke(&error) => request().send().await,
            other => other,
        }
        .map_err(failed)
    }

    fn unexpected(&self, what: &'static str, status: StatusCode) -> KeystoneError {
        KeystoneError::Unexpected { status: status.as_u16(), what, url: self.url.clone() }
    }
}

/// A header whose value no log shows.
fn hidden(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn failed(error: reqwest::Error) -> KeystoneError {
    if error.is_timeout() { KeystoneError::Slow(PATIENCE) } else { KeystoneError::Unreachable(error) }
}

fn garbled(what: &'static str, why: impl Into<String>) -> KeystoneError {
    KeystoneError::Garbled { what, why: why.into() }
}

async fn read<T: DeserializeOwned>(what: &'static str, mut response: Response) -> Result<T, KeystoneError> {
    let mut text = Vec::new();
    while let Some(part) = response.chunk().await.map_err(failed)? {
        if text.len() + part.len() > MAX_ANSWER {
            return Err(garbled(what, format!("it is larger than {MAX_ANSWER} bytes")));
        }
        text.extend_from_slice(&part);
    }
    // serde's own words would repeat parts of the answer
    serde_json::from_slice(&text).map_err(|error| {
        garbled(what, format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column()))
    })
}

/// The address of the third version.
fn versioned(url: &str) -> Result<String, KeystoneError> {
    let wrong = || KeystoneError::AuthUrl(url.to_owned());
    let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(wrong());
    }
    let base = url.trim_end_matches('/');
    Ok(if base.ends_with("/v3") { base.to_owned() } else { format!("{base}/v3") })
}

fn connections(url: &str, settings: &KeystoneSettings) -> Result<reqwest::Client, KeystoneError> {
    // it is an error when the process has one already: that is as good
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .timeout(PATIENCE)
        .connect_timeout(CONNECT_PATIENCE)
        // a password goes where the configuration says and nowhere else
        .redirect(reqwest::redirect::Policy::none());
    if let Some(path) = &settings.ca_file {
        let wrong = |source| KeystoneError::CaFile { path: path.clone(), source };
        let pem = std::fs::read(path).map_err(|error| wrong(error.into()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.into()))?;
        if certificates.is_empty() {
            return Err(wrong("there are none in it".into()));
        }
        builder = builder.tls_certs_only(certificates);
    } else if url.starts_with("http:") {
        // without TLS, a machine without certificates is as good as one with
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(KeystoneError::Client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (given, url) in [
            ("http://ks:5000", "http://ks:5000/v3"),
            ("http://ks:5000/v3", "http://ks:5000/v3"),
            ("https://cloud/identity/", "https://cloud/identity/v3"),
            ("https://cloud/identity/v3/", "https://cloud/identity/v3"),
        ] {
            assert_eq!(versioned(given).unwrap(), url);
        }
        for bad in ["", "ks:5000", "ftp://ks", "/v3", "http://ks/?a=b"] {
            assert!(versioned(bad).is_err(), "{bad}");
        }
    }
}
