//! Keystone says whose a token is.
//!
//! What it said is remembered under the token's hash: a valid token until it expires, and for a few minutes
//! at most, an invalid one for seconds. So a busy client costs Keystone one request in five minutes, and who is
//! remembered goes on while Keystone is away. The memory is bounded; what is shown often stays in it, whatever
//! else comes by.
//!
//! Many requests with one new token ask once. Many new tokens are asked about a bounded number at a time.

mod client;
mod error;
mod login;
mod revocation;
mod token;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use moka::Expiry;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

pub use self::error::KeystoneError;
use crate::context::Service;
use crate::keystone::client::{Client, Verdict};
use crate::keystone::login::{Login, Own};
use crate::keystone::revocation::Event;
use crate::keystone::token::Token;
use crate::{AuthError, Context, Credentials, Secret};

/// How many tokens are remembered: less than 1 KiB each.
const MAX_TOKENS: u64 = 50_000;
/// How long an invalid token is remembered: enough to keep a client that insists away from Keystone.
const REMEMBER_INVALID: Duration = Duration::from_secs(10);
/// How many questions are asked at a time.
const MAX_QUESTIONS: usize = 64;
/// How long a question may wait for its turn.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// When a client may ask again while Keystone is away.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The longest token that is looked at. Keystone's own are shorter than 300 bytes, old PKI ones were 8 KiB.
const MAX_TOKEN: usize = 16 << 10;
/// How often revocations are asked for, and how far back, since its clock may not be ours.
const REVOCATIONS_EVERY: Duration = Duration::from_secs(5);
const REVOCATIONS_OVERLAP: SignedDuration = SignedDuration::from_secs(120);
/// How often they are asked for where Keystone does not say.
const REVOCATIONS_RETRY: Duration = Duration::from_mins(1);
/// The role of those whose word counts for tokens that expired on the way.
const SERVICE_ROLE: &str = "service";

/// Where Keystone is, and who we are there.
#[derive(Clone)]
pub struct KeystoneSettings {
    /// Its address, with or without `/v3`.
    pub auth_url: String,
    /// The address that clients are told. If there is none, the one in the catalogue counts, for our region.
    pub public_auth_url: Option<String>,
    /// The service user.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// Its project.
    pub project_name: String,
    /// Its domain.
    pub user_domain_name: String,
    /// Its project's domain.
    pub project_domain_name: String,
    /// Our region.
    pub region: String,
    /// The certificates to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a valid token is remembered: how long something may stay unknown that Keystone does not list
    /// as revoked.
    pub remember: Duration,
}

/// Keystone as we know it. Clones share it.
#[derive(Clone)]
pub struct Keystone {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    login: Login,
    answers: Cache<Key, Answer>,
    questions: Semaphore,
    /// What clients are told.
    public_url: RwLock<String>,
}

impl fmt::Debug for Keystone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keystone").field("url", &self.inner.client.url()).finish_non_exhaustive()
    }
}

/// What an answer is remembered under.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    hash: [u8; 32],
    /// Whether it was asked about as one that may have expired.
    even_expired: bool,
}

impl Key {
    fn of(token: &str, even_expired: bool) -> Self {
        Self { hash: Sha256::digest(token).into(), even_expired }
    }
}

#[derive(Clone)]
enum Answer {
    Valid(Arc<Token>),
    Invalid,
}

/// How long answers are remembered.
struct Remember {
    valid: Duration,
}

impl Expiry<Key, Answer> for Remember {
    fn expire_after_create(&self, key: &Key, answer: &Answer, _: Instant) -> Option<Duration> {
        Some(match answer {
            Answer::Invalid => REMEMBER_INVALID.min(self.valid),
            Answer::Valid(_) if key.even_expired => self.valid,
            Answer::Valid(token) => {
                let left = token.expires_at.duration_since(Timestamp::now());
                Duration::try_from(left).unwrap_or_default().min(self.valid)
            }
        })
    }
}

/// Who we are for Keystone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The service user's roles.
    pub roles: Vec<String>,
    /// Whether they are enough to look at others' tokens, by Keystone's own rules.
    pub may_look_up: bool,
}

impl Keystone {
    /// Prepares to ask. Nobody is asked yet.
    ///
    /// # Errors
    /// The settings can not be used.
    pub fn new(settings: KeystoneSettings) -> Result<Self, KeystoneError> {
        let remember = Remember { valid: settings.remember };
        let client = Client::new(settings)?;
        let public_url = client.settings().public_auth_url.clone().unwrap_or_else(|| client.url().to_owned());
        let answers =
            Cache::builder().max_capacity(MAX_TOKENS).expire_after(remember).support_invalidation_closures().build();
        let inner = Inner {
            client,
            login: Login::default(),
            answers,
            questions: Semaphore::new(MAX_QUESTIONS),
            public_url: RwLock::new(public_url),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Logs in, to see whether that can be done.
    ///
    /// # Errors
    /// Keystone is not there or does not accept us.
    pub async fn probe(&self) -> Result<Standing, Arc<KeystoneError>> {
        let own = self.own(None).await?;
        let may_look_up = own.roles.iter().any(|role| role == "admin" || role == SERVICE_ROLE);
        Ok(Standing { roles: own.roles.to_vec(), may_look_up })
    }

    /// The address that clients get tokens from.
    pub(crate) fn public_url(&self) -> String {
        self.inner.public_url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Recognises the caller, as the reference's middleware does: a service token that is not valid is an
    /// error even beside a good user token, and a good one with the role `service` lets a user token count
    /// that has expired, since the service began what it does before.
    pub(crate) async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Context, AuthError> {
        let service = match credentials.service_token {
            Some(token) => Some(self.token(token, false).await?),
            None => None,
        };
        let trusted = service.as_ref().is_some_and(|service| service.context.has_role(SERVICE_ROLE));
        let shown = credentials.token.ok_or(AuthError::Unauthorized)?;
        let token = match self.token(shown, false).await {
            Err(AuthError::Unauthorized) if trusted => self.token(shown, true).await?,
            other => other?,
        };
        let mut context = Context::clone(&token.context);
        context.service = service.map(|service| Service {
            user_id: service.context.user_id.clone(),
            project_id: service.context.project_id.clone(),
            roles: service.context.roles.clone(),
        });
        Ok(context)
    }

    /// A valid token's facts.
    async fn token(&self, token: &str, even_expired: bool) -> Result<Arc<Token>, AuthError> {
        if token.is_empty() || token.len() > MAX_TOKEN {
            return Err(AuthError::Unauthorized);
        }
        let asked = self.inner.answers.try_get_with(Key::of(token, even_expired), self.ask(token, even_expired)).await;
        match asked {
            // the memory is not exact to the second
            Ok(Answer::Valid(token)) if even_expired || !token.has_expired(Timestamp::now()) => Ok(token),
            Ok(_) => Err(AuthError::Unauthorized),
            Err(error) => Err(AuthError::Unavailable { retry_after: RETRY_AFTER, source: Arc::clone(&error) }),
        }
    }

    /// Asks Keystone.
    async fn ask(&self, token: &str, even_expired: bool) -> Result<Answer, Arc<KeystoneError>> {
        let turn = tokio::time::timeout(MAX_WAIT, self.inner.questions.acquire()).await;
        let _turn = turn.map_err(|_| KeystoneError::Crowded)?;
        let mut refused = None;
        // with a new login if the first one is not good any more
        for _ in 0..2 {
            let own = self.own(refused.as_ref()).await?;
            match self.inner.client.look_up(&own.secret, token, even_expired).await? {
                Verdict::Valid(token) => return Ok(Answer::Valid(Arc::new(token))),
                Verdict::Invalid => return Ok(Answer::Invalid),
                Verdict::WhoAreYou => refused = Some(own),
            }
        }
        Err(Arc::new(KeystoneError::Forbidden(self.inner.client.settings().username.clone())))
    }

    /// Our own token.
    async fn own(&self, refused: Option<&Own>) -> Result<Own, Arc<KeystoneError>> {
        let own = self.inner.login.token(&self.inner.client, refused).await?;
        if self.inner.client.settings().public_auth_url.is_none()
            && let Some(url) = public_keystone(&own.keystones, &self.inner.client.settings().region)
        {
            let mut known = self.inner.public_url.write().unwrap_or_else(PoisonError::into_inner);
            if *known != url {
                url.clone_into(&mut known);
            }
        }
        Ok(own)
    }

    /// Asks now and then what was revoked, and forgets it.
    pub(crate) async fn follow_revocations(&self) {
        // each event counts twice: a token that was looked up before it may have been remembered after it
        let mut seen: HashSet<Event> = HashSet::new();
        let mut seen_twice: HashSet<Event> = HashSet::new();
        let mut silent = false;
        loop {
            let wait = match self.revoked().await {
                Ok(events) => {
                    silent = false;
                    self.forget(events.iter().filter(|event| !seen_twice.contains(event)).cloned().collect());
                    seen_twice = std::mem::replace(&mut seen, events.into_iter().collect());
                    REVOCATIONS_EVERY
                }
                // who waits for Keystone says so; this would only say it again
                Err(error) if error.is_transient() => REVOCATIONS_EVERY,
                Err(error) => {
                    if !silent {
                        tracing::warn!(
                            error = &*error as &dyn std::error::Error,
                            "Keystone does not say what was revoked: it is seen when tokens are asked about again"
                        );
                    }
                    silent = true;
                    REVOCATIONS_RETRY
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn revoked(&self) -> Result<Vec<Event>, Arc<KeystoneError>> {
        let since = Timestamp::now() - REVOCATIONS_OVERLAP;
        let own = self.own(None).await?;
        if let Some(events) = self.inner.client.revoked_since(&own.secret, since).await? {
            return Ok(events);
        }
        let own = self.own(Some(&own)).await?;
        let events = self.inner.client.revoked_since(&own.secret, since).await?;
        events.ok_or_else(|| Arc::new(KeystoneError::Forbidden(self.inner.client.settings().username.clone())))
    }

    /// Forgets the tokens that events may be about.
    fn forget(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        tracing::debug!(events = events.len(), "tokens were revoked");
        let concerned = move |_: &Key, answer: &Answer| match answer {
            Answer::Valid(token) => events.iter().any(|event| event.concerns(token)),
            Answer::Invalid => false,
        };
        if self.inner.answers.invalidate_entries_if(concerned).is_err() {
            self.inner.answers.invalidate_all();
        }
    }
}

/// Where clients find Keystone, if the catalogue says so in words that fit into a header.
fn public_keystone<'a>(keystones: &'a [(String, String)], region: &str) -> Option<&'a str> {
    let in_region = |(own, _): &&(String, String)| region.is_empty() || own == region;
    let url = keystones.iter().find(in_region).map(|(_, url)| url.as_str())?;
    url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"').then_some(url)
}
