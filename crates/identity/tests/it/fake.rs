//! A Keystone that does what a real one can not be brought to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use identity::{AuthError, Authenticator, Context, Credentials, Keystone, KeystoneSettings, Secret};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The service user's password, which nobody may ever see.
pub(crate) const PASSWORD: &str = "correct-horse";

/// How questions of one kind are answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// As they should.
    #[default]
    Well,
    /// With this status and nothing else.
    Status(u16),
    /// With what is no answer.
    Garbage,
    /// With more than anybody wants to read.
    Endless,
    /// Not at all.
    Silent,
    /// With the address of somebody else.
    Elsewhere(String),
}

#[derive(Default)]
pub(crate) struct Behaviour {
    pub(crate) logins: Mood,
    pub(crate) look_ups: Mood,
    /// What it says was revoked.
    pub(crate) revoked: Vec<Value>,
    /// When its tokens expire.
    pub(crate) expires_at: Option<&'static str>,
}

pub(crate) struct Fake {
    pub(crate) url: String,
    pub(crate) behaviour: Arc<Mutex<Behaviour>>,
    counts: Arc<Counts>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Counts {
    logins: AtomicUsize,
    look_ups: AtomicUsize,
    /// Our tokens up to this one are not good any more.
    forgotten: AtomicUsize,
}

#[derive(Clone)]
struct Shared {
    behaviour: Arc<Mutex<Behaviour>>,
    counts: Arc<Counts>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared { behaviour: Arc::default(), counts: Arc::default() };
        let (behaviour, counts) = (Arc::clone(&shared.behaviour), Arc::clone(&shared.counts));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let service = Router::new().fallback(answer).with_state(shared);
        let stopped = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                served = async { axum::serve(listener, service).await } => served.unwrap(),
            }
        });
        tasks.close();
        Self { url, behaviour, counts, stop, tasks }
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }

    /// Every token that it gave us so far is not good any more.
    pub(crate) fn forget_us(&self) {
        self.counts.forgotten.store(self.logins(), Ordering::SeqCst);
    }

    pub(crate) fn logins(&self) -> usize {
        self.counts.logins.load(Ordering::SeqCst)
    }

    pub(crate) fn look_ups(&self) -> usize {
        self.counts.look_ups.load(Ordering::SeqCst)
    }

    /// It is gone: connections are refused.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }

    pub(crate) fn authenticator(&self) -> Authenticator {
        Authenticator::Keystone(Keystone::new(settings(&self.url)).unwrap())
    }
}

pub(crate) fn settings(url: &str) -> KeystoneSettings {
    KeystoneSettings {
        auth_url: url.to_owned(),
        public_auth_url: None,
        username: "cinder".to_owned(),
        password: Secret::new(PASSWORD),
        project_name: "service".to_owned(),
        user_domain_name: "Default".to_owned(),
        project_domain_name: "Default".to_owned(),
        region: "R".to_owned(),
        ca_file: None,
        remember: Duration::from_mins(5),
    }
}

pub(crate) async fn show(authenticator: &Authenticator, token: &str) -> Result<Context, AuthError> {
    authenticator.authenticate(Credentials { token: Some(token), ..Credentials::default() }).await
}

/// What became of a token, in a word.
pub(crate) async fn outcome(authenticator: &Authenticator, token: &str) -> &'static str {
    match show(authenticator, token).await {
        Ok(_) => "valid",
        Err(AuthError::Unauthorized) => "invalid",
        Err(AuthError::Unavailable { .. }) => "unavailable",
    }
}

async fn answer(State(Shared { behaviour, counts }): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let headers = request.headers();
    let (mood, expires_at, revoked) = {
        let behaviour = behaviour.lock().unwrap();
        let mood = if request.method() == "POST" { &behaviour.logins } else { &behaviour.look_ups };
        (mood.clone(), behaviour.expires_at.unwrap_or("2999-01-01T00:00:00.000000Z"), behaviour.revoked.clone())
    };
    if request.method() == "POST" {
        let serial = counts.logins.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(answer) = moody(mood).await {
            return answer;
        }
        let body = body("2999-01-01T00:00:00.000000Z", "cinder");
        return (StatusCode::CREATED, [("x-subject-token", format!("own-{serial}"))], body).into_response();
    }
    let serial = header(headers, "x-auth-token").strip_prefix("own-").and_then(|serial| serial.parse::<usize>().ok());
    if serial.is_none_or(|serial| serial <= counts.forgotten.load(Ordering::SeqCst)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if path.ends_with("/OS-REVOKE/events") {
        return json!({ "events": revoked, "links": {} }).to_string().into_response();
    }
    counts.look_ups.fetch_add(1, Ordering::SeqCst);
    if let Some(answer) = moody(mood).await {
        return answer;
    }
    let subject = header(headers, "x-subject-token");
    if subject.starts_with("good") {
        body(expires_at, subject).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn moody(mood: Mood) -> Option<Response> {
    match mood {
        Mood::Well => None,
        Mood::Status(status) => Some(StatusCode::from_u16(status).unwrap().into_response()),
        Mood::Garbage => Some((StatusCode::OK, "{\"token\": {\"user\": 5}}").into_response()),
        Mood::Endless => Some((StatusCode::OK, "[".repeat(3 << 20)).into_response()),
        Mood::Silent => std::future::pending().await,
        Mood::Elsewhere(url) => Some((StatusCode::TEMPORARY_REDIRECT, [("location", url)]).into_response()),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn body(expires_at: &str, user: &str) -> String {
    json!({ "token": {
        "user": { "id": user, "domain": { "id": "default" } },
        "project": { "id": "p", "domain": { "id": "default" } },
        "roles": [{ "name": "member" }, { "name": "service" }],
        "issued_at": "2020-01-01T00:00:00.000000Z",
        "expires_at": expires_at,
        "audit_ids": [format!("audit-of-{user}")],
        "catalog": [{ "type": "identity", "endpoints": [
            { "interface": "public", "region_id": "other", "url": "http://other" },
            { "interface": "public", "region_id": "R", "url": "http://public/v3" },
        ] }],
    } })
    .to_string()
}
