//! From what a request carries to who is asking.

use std::time::Duration;

use crate::Context;

/// What a request carries that says who is asking.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The `X-Auth-Token` header.
    pub token: Option<&'a str>,
    /// The `X-Service-Token` header.
    pub service_token: Option<&'a str>,
    /// The project in the URL, if there is one.
    pub url_project: Option<&'a str>,
}

/// Why nobody was recognised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no token, or it is not valid.
    #[error("the request carries no valid token")]
    Unauthorized,
    /// Nobody is there to say whether the token is valid.
    #[error("the identity service does not answer")]
    Unavailable {
        /// When asking again makes sense.
        retry_after: Duration,
    },
}

/// How callers are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authenticator {
    /// Everybody is believed and everybody is an administrator: for a lab on one machine.
    ///
    /// A token `user:project` says who one is. A token without a colon, or none, is the user `admin` in the
    /// URL's project, so that `openstack --os-auth-type none` works.
    Noauth,
}

impl Authenticator {
    /// Recognises the caller.
    ///
    /// # Errors
    /// The credentials are not valid, or can not be checked now.
    #[expect(clippy::unused_async, reason = "recognising a real token asks another service")]
    pub async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Context, AuthError> {
        match self {
            Self::Noauth => Ok(noauth(credentials)),
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
