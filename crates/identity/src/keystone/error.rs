//! What can go wrong between us and Keystone.

use std::path::PathBuf;
use std::time::Duration;

/// Why Keystone could not be asked, or did not say.
#[derive(Debug, thiserror::Error)]
pub enum KeystoneError {
    /// The address is not one.
    #[error("auth_url {0:?} is not an address that begins with http:// or https://")]
    AuthUrl(String),
    /// The certificates to trust can not be read.
    #[error("the certificates in {} (ca_file) can not be used", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No connection can be made at all.
    #[error("an HTTP client can not be made")]
    Client(#[source] reqwest::Error),
    /// It does not answer.
    #[error("Keystone does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// It did not answer in time.
    #[error("Keystone did not answer within {0:?}")]
    Slow(Duration),
    /// There are more questions waiting than we ask at a time.
    #[error("there are too many unanswered questions to Keystone")]
    Crowded,
    /// It does not know us.
    #[error(
        "Keystone does not accept the service user {username} in project {project}: look at username, password, \
         project_name and both domain names"
    )]
    Refused {
        /// The service user.
        username: String,
        /// Its project.
        project: String,
    },
    /// It does not let us ask about tokens of others.
    #[error("Keystone does not let the service user {0} look at tokens: it needs the role service, or admin")]
    Forbidden(String),
    /// It answered something that it should not.
    #[error("Keystone answered {status} to {what}: look whether auth_url ({url}) is right")]
    Unexpected {
        /// The status code.
        status: u16,
        /// What was asked.
        what: &'static str,
        /// Where.
        url: String,
    },
    /// Its answer can not be read.
    #[error("Keystone's answer to {what} can not be read: {why}")]
    Garbled {
        /// What was asked.
        what: &'static str,
        /// What is wrong with the answer.
        why: String,
    },
}

impl KeystoneError {
    /// Whether waiting may help, rather than another configuration.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Slow(_) | Self::Crowded => true,
            Self::Unexpected { status, .. } => *status >= 500 || *status == 429,
            Self::AuthUrl(_)
            | Self::CaFile { .. }
            | Self::Client(_)
            | Self::Refused { .. }
            | Self::Forbidden(_)
            | Self::Garbled { .. } => false,
        }
    }

    /// How long a failed login is not tried again: a wrong password tried with every request locks the
    /// account, and who is away is not sooner back for being asked.
    pub(crate) fn pause(&self) -> Duration {
        if self.is_transient() { Duration::from_millis(500) } else { Duration::from_secs(10) }
    }
}
