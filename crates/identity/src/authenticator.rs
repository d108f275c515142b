//! From what a request carries to who is asking.

use std::sync::Arc;
use std::time::Duration;

use crate::{Context, Keystone, KeystoneError};

/// What a request carries that says who is asking.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The `X-Auth-Token` header.
    pub token: Option<&'a str>,
    /// The `X-Service-Token` header.
    pub service_token: Option<&'a str>,
    /// The project in the URL, if there is one.
    pub url_project: Option<&'a str>,
}

/// Why nobody was recognised.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthError {
    /// There is no token, or it is not valid.
    #[error("the request carries no valid token")]
    Unauthorized,
    /// Nobody is there to say whether the token is valid.
    #[error("nobody can say whether the request's token is valid")]
    Unavailable {
        /// When asking again makes sense.
        retry_after: Duration,
        /// What stands in the way.
        source: Arc<KeystoneError>,
    },
}

/// How callers are recognised. Clones share what they know.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Authenticator {
    /// Everybody is believed and everybody is an administrator: for a lab on one machine.
    ///
    /// A token `user:project` says who one is. A token without a colon, or none, is the user `admin` in the
    /// URL's project, so that `openstack --os-auth-type none` works.
    Noauth,
    /// Keystone says whose a token is.
    Keystone(Keystone),
}

impl Authenticator {
    /// Recognises the caller. Whether that is an administrator, going by more than the role's name, is for the
    /// policy to say.
    ///
    /// # Errors
    /// The credentials are not valid, or can not be checked now.
    pub async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Context, AuthError> {
        match self {
            Self::Noauth => Ok(noauth(credentials)),
            Self::Keystone(keystone) => keystone.authenticate(credentials).await,
        }
    }

    /// Where one gets a token: the `WWW-Authenticate` header of a refusal.
    pub fn challenge(&self) -> Option<String> {
        match self {
            Self::Noauth => None,
            Self::Keystone(keystone) => Some(format!("Keystone uri=\"{}\"", keystone.public_url())),
        }
    }

    /// Learns which tokens were revoked, as long as it is polled.
    pub async fn follow_revocations(&self) {
        match self {
            Self::Noauth => std::future::pending().await,
            Self::Keystone(keystone) => keystone.follow_revocations().await,
        }
    }
}

fn noauth(credentials: Credentials<'_>) -> Context {
    /// Who one is without saying so, and the project of one who is in none.
    const NOBODY: &str = "admin";

    let (user, project) = match credentials.token.and_then(|token| token.split_once(':')) {
        Some((user, project)) if !user.is_empty() && !project.is_empty() => (user, project),
        Some((user, _)) if !user.is_empty() => (user, credentials.url_project.unwrap_or(user)),
        _ => (NOBODY, credentials.url_project.unwrap_or(NOBODY)),
    };
    Context {
        user_id: user.to_owned(),
        project_id: Some(project.to_owned()),
        roles: ["admin", "member", "reader"].map(str::to_owned).to_vec(),
        is_admin: true,
        ..Context::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(token: Option<&str>, url_project: Option<&str>) -> (String, Option<String>) {
        let context = noauth(Credentials { token, service_token: None, url_project });
        assert!(context.is_admin);
        (context.user_id, context.project_id)
    }

    proptest::proptest! {
        #[test]
        fn any_token_is_somebody_in_some_project(token: Option<String>, url_project in proptest::option::of("[0-9a-f-]{1,9}")) {
            let (user, project) = who(token.as_deref(), url_project.as_deref());
            let project = project.unwrap();
            proptest::prop_assert!(!user.is_empty() && !project.is_empty());
            match token.as_deref().and_then(|token| token.split_once(':')) {
                Some((named, of)) if !named.is_empty() => {
                    proptest::prop_assert_eq!(&user, named);
                    proptest::prop_assert_eq!(&project, if of.is_empty() { url_project.as_deref().unwrap_or(named) } else { of });
                }
                _ => proptest::prop_assert_eq!((user.as_str(), project), ("admin", url_project.unwrap_or("admin".to_owned()))),
            }
        }
    }

    #[test]
    fn a_token_names_user_and_project() {
        assert_eq!(who(Some("eve:abc"), Some("def")), ("eve".to_owned(), Some("abc".to_owned())));
        assert_eq!(who(Some("eve:abc"), None), ("eve".to_owned(), Some("abc".to_owned())));
        assert_eq!(who(Some("eve:"), Some("def")), ("eve".to_owned(), Some("def".to_owned())));
    }

    #[test]
    fn without_a_colon_it_is_admin_in_the_urls_project() {
        for token in [None, Some("notused"), Some(""), Some(":abc")] {
            assert_eq!(who(token, Some("def")), ("admin".to_owned(), Some("def".to_owned())), "{token:?}");
            assert_eq!(who(token, None), ("admin".to_owned(), Some("admin".to_owned())), "{token:?}");
        }
    }
}
