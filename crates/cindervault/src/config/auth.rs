//! `[auth]` and `[policy]`: who may ask, and for what.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use identity::{KeystoneSettings, PolicySettings, Secret};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// `[auth]`
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Auth {
    /// Who may ask.
    pub mode: AuthMode,
    /// `[auth.keystone]`
    pub keystone: Keystone,
}

/// How callers are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthMode {
    /// Everybody is believed: for a lab on one machine.
    #[default]
    Noauth,
    /// Keystone knows.
    Keystone,
}

/// `[auth.keystone]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Keystone {
    /// Its address, with or without `/v3`.
    pub auth_url: String,
    /// The address that clients without a token are told; the catalogue's when it is not set.
    pub public_auth_url: Option<String>,
    /// The service user.
    pub username: String,
    /// Its password.
    #[serde(deserialize_with = "quoted")]
    pub password: String,
    /// A file that holds the password, instead.
    pub password_file: Option<PathBuf>,
    /// Its project.
    pub project_name: String,
    /// Its domain.
    pub user_domain_name: String,
    /// Its project's domain.
    pub project_domain_name: String,
    /// The region in whose catalogue we look; the first one's when it is empty.
    pub region: String,
    /// The certificates to trust instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// How long a valid token is not asked about again, seconds.
    pub cache_seconds: u64,
}

impl Default for Keystone {
    fn default() -> Self {
        Self {
            auth_url: String::new(),
            public_auth_url: None,
            username: String::new(),
            password: String::new(),
            password_file: None,
            project_name: String::new(),
            user_domain_name: "Default".to_owned(),
            project_domain_name: "Default".to_owned(),
            region: String::new(),
            ca_file: None,
            cache_seconds: 300,
        }
    }
}

/// A text. What is none, such as digits in the environment, is refused without being shown.
fn quoted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let wrong =
        |_| D::Error::custom("a password is a text: put it in quotes, in the environment too (PASSWORD='\"1234\"')");
    deserializer.deserialize_any(Text).map_err(wrong)
}

struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

impl fmt::Debug for Keystone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keystone")
            .field("auth_url", &self.auth_url)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Auth {
    /// Everything that can be seen to be wrong without asking anybody.
    pub(super) fn problems(&self, problems: &mut Vec<String>) {
        if self.mode != AuthMode::Keystone {
            return;
        }
        let keystone = &self.keystone;
        for (key, value, what) in [
            ("auth_url", &keystone.auth_url, "Keystone's address, such as https://cloud:5000/v3"),
            ("username", &keystone.username, "the user that we look at tokens as"),
            ("project_name", &keystone.project_name, "the project of that user, often service"),
            ("user_domain_name", &keystone.user_domain_name, "that user's domain, often Default"),
            ("project_domain_name", &keystone.project_domain_name, "that project's domain, often Default"),
        ] {
            if value.is_empty() {
                problems.push(format!("auth.keystone.{key} is missing: {what}"));
            }
        }
        for (key, url) in
            [("auth_url", Some(&keystone.auth_url)), ("public_auth_url", keystone.public_auth_url.as_ref())]
        {
            if url.is_some_and(|url| url.contains('@')) {
                problems.push(format!(
                    "auth.keystone.{key} must be without a user's name and password: it is told in messages; username and \
                     password are keys of their own"
                ));
            }
        }
        match (keystone.password.is_empty(), &keystone.password_file) {
            (true, None) => problems.push("auth.keystone.password is missing (or password_file)".to_owned()),
            (false, Some(_)) => {
                problems.push("auth.keystone.password and auth.keystone.password_file are both set".to_owned());
            }
            (true, Some(_)) | (false, None) => {}
        }
        if !(1..=3600).contains(&keystone.cache_seconds) {
            problems.push("auth.keystone.cache_seconds must be from 1 to 3600".to_owned());
        }
    }

    /// As the identity crate takes it.
    ///
    /// # Errors
    /// The password's file can not be read.
    pub(crate) fn keystone_settings(&self) -> anyhow::Result<KeystoneSettings> {
        let own = &self.keystone;
        let password = match &own.password_file {
            None => own.password.clone(),
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("auth.keystone.password_file: {}", file.display()))?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        if password.is_empty() {
            bail!("auth.keystone.password_file: there is no password in it");
        }
        Ok(KeystoneSettings {
            auth_url: own.auth_url.clone(),
            public_auth_url: own.public_auth_url.clone(),
            username: own.username.clone(),
            password: Secret::new(password),
            project_name: own.project_name.clone(),
            user_domain_name: own.user_domain_name.clone(),
            project_domain_name: own.project_domain_name.clone(),
            region: own.region.clone(),
            ca_file: own.ca_file.clone(),
            remember: Duration::from_secs(own.cache_seconds),
        })
    }
}

/// `[policy]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Policy {
    /// Rules that stand instead of the defaults: a `policy.yaml` in oslo.policy's language.
    pub file: Option<PathBuf>,
    /// Whether the defaults ask for the roles `member` and `reader`. If not, every user of a project may do
    /// what a member may.
    pub enforce_new_defaults: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { file: None, enforce_new_defaults: true }
    }
}

impl Policy {
    /// As the identity crate takes it.
    pub(crate) fn settings(&self) -> PolicySettings {
        PolicySettings { file: self.file.clone(), enforce_new_defaults: self.enforce_new_defaults }
    }
}
