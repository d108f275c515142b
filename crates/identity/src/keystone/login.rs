//! Our own token.

use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::KeystoneError;
use super::client::Client;
use crate::Secret;

/// How long before it expires a token is replaced: longer than any request with it takes.
const SPARE: SignedDuration = SignedDuration::from_secs(60);

/// A token of the service user's.
#[derive(Clone)]
pub(crate) struct Own {
    pub(crate) secret: Secret,
    /// Where clients find Keystone, by region.
    pub(crate) keystones: Arc<[(String, String)]>,
    /// The roles that it gives.
    pub(crate) roles: Arc<[String]>,
    expires_at: Timestamp,
    obtained: Instant,
}

/// The service user's login: made when it is needed, once for all who wait for it.
#[derive(Default)]
pub(crate) struct Login {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    own: Option<Own>,
    failure: Option<Failure>,
}

struct Failure {
    at: Instant,
    error: Arc<KeystoneError>,
}

impl Login {
    /// A token that is good, as far as we know; another one than `refused`.
    ///
    /// Who has to wait while another logs in gets that one's token, or its failure.
    pub(crate) async fn token(&self, client: &Client, refused: Option<&Own>) -> Result<Own, Arc<KeystoneError>> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(own) = &state.own
            && own.expires_at - SPARE > Timestamp::now()
            && refused.is_none_or(|refused| refused.obtained != own.obtained)
        {
            return Ok(own.clone());
        }
        if let Some(Failure { at, error }) = &state.failure
            && (*at >= asked || at.elapsed() < error.pause())
        {
            return Err(Arc::clone(error));
        }
        match client.log_in().await {
            Ok((secret, token)) => {
                let own = Own {
                    secret,
                    keystones: token.keystones.into(),
                    roles: token.context.roles.clone().into(),
                    expires_at: token.expires_at,
                    obtained: Instant::now(),
                };
                *state = State { own: Some(own.clone()), failure: None };
                Ok(own)
            }
            Err(error) => {
                let error = Arc::new(error);
                state.failure = Some(Failure { at: Instant::now(), error: Arc::clone(&error) });
                Err(error)
            }
        }
    }
}
