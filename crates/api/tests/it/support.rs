//! A server for every test, a small client, and rows to begin with.

use std::env;
use std::fmt::Write;
use std::time::Duration;

use api::{Api, Settings};
use catalog::Catalog;
use identity::{Authenticator, Policy};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// The caller's project.
pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";
/// Another one.
pub(crate) const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// A running server with a database of its own.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) catalog: Catalog,
    /// For looking at rows, and for putting them into states that only a worker makes.
    pub(crate) sql: PgPool,
    client: Client,
}

/// Runs a test against a fresh server on which a backup worker is alive.
pub(crate) async fn with_server(test: impl AsyncFnOnce(&Server)) {
    with_settings(Settings::default(), test).await;
}

/// As [`with_server`], with these settings.
pub(crate) async fn with_settings(settings: Settings, test: impl AsyncFnOnce(&Server)) {
    let server = env::var("CINDERVAULT_TEST_DATABASE_URL")
        .expect("CINDERVAULT_TEST_DATABASE_URL names the Postgres server for the tests");
    let name = format!("cindervault_test_{}", Uuid::new_v4().simple());
    let mut admin = PgConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    let (base, _) = server.rsplit_once('/').expect("the URL ends with a database's name");
    let url = format!("{base}/{name}");
    let catalog = Catalog::connect(&url, "cindervault tests", 8).await.unwrap();
    catalog.migrate().await.unwrap();
    catalog.heartbeat("cinder-backup", "lab", "nova").await.unwrap();

    let api = Api::new(catalog.clone(), Authenticator::Noauth, Policy::defaults(), settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let served = tasks.spawn(api::serve(listener, api, shutdown.clone()));
    tasks.close();

    // the client can speak TLS, because the service's own can; it wants to know with whose cryptography
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        Client::builder().timeout(Duration::from_secs(30)).redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let running = Server { address, catalog, sql: PgPool::connect(&url).await.unwrap(), client };
    test(&running).await;

    let Server { catalog, sql, client, .. } = running;
    drop(client);
    shutdown.cancel();
    served.await.unwrap();
    tasks.wait().await;
    catalog.close().await;
    sql.close().await;
    sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name}"))).execute(&mut admin).await.unwrap();
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body, once the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Checks that this is a fault of this name and message.
    #[track_caller]
    pub(crate) fn expect_fault(self, status: u16, name: &str, message: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        let body = self.json();
        assert_eq!(body[name]["code"], status, "{body}");
        assert_eq!(body[name]["message"], message, "{body}");
        assert_eq!(self.header("x-compute-request-id"), self.header("x-openstack-request-id"));
    }

    /// The message, once this is a fault of this status and name.
    #[track_caller]
    pub(crate) fn fault(self, status: u16, name: &str) -> String {
        let body = self.expect(status);
        assert_eq!(body[name]["code"], status, "{body}");
        body[name]["message"].as_str().unwrap().to_owned()
    }

    /// Checks that this is a 400 with this message.
    #[track_caller]
    pub(crate) fn expect_bad(self, message: &str) {
        self.expect_fault(400, "badRequest", message);
    }

    /// Checks that this is a 404 with this message.
    #[track_caller]
    pub(crate) fn expect_missing(self, message: &str) {
        self.expect_fault(404, "itemNotFound", message);
    }
}

/// A request that is being put together.
pub(crate) struct Asking<'a> {
    server: &'a Server,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Asking<'_> {
    /// In this microversion.
    pub(crate) fn at(self, version: &str) -> Self {
        self.with("openstack-api-version", &format!("volume {version}"))
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    /// With this text as the body.
    pub(crate) fn raw(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let url = format!("http://{}{}", self.server.address, self.path);
        let mut request = self.server.client.request(self.method, url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        assert!(headers["x-openstack-request-id"].to_str().unwrap().starts_with("req-"));
        Answer { status, headers, text: response.text().await.unwrap() }
    }
}

/// A backup's columns that tests choose.
#[derive(Clone)]
pub(crate) struct BackupRow {
    pub(crate) id: Uuid,
    pub(crate) project: &'static str,
    pub(crate) volume: Uuid,
    pub(crate) parent: Option<Uuid>,
    pub(crate) snapshot: Option<Uuid>,
    pub(crate) name: &'static str,
    pub(crate) status: &'static str,
    pub(crate) size: i32,
    /// Seconds after the first of January 2026.
    pub(crate) at: i32,
    pub(crate) metadata: Value,
}

impl BackupRow {
    pub(crate) fn new(name: &'static str, at: i32) -> Self {
        Self {
            id: Uuid::new_v4(),
            project: PROJECT,
            volume: Uuid::new_v4(),
            parent: None,
            snapshot: None,
            name,
            status: "available",
            size: 1,
            at,
            metadata: json!({}),
        }
    }
}

impl Server {
    /// A request below `/v3/<project>`, as the project's user, in the oldest version.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Asking<'_> {
        self.ask_at(method, &format!("/v3/{PROJECT}{path}"))
    }

    /// A request for any path.
    pub(crate) fn ask_at(&self, method: Method, path: &str) -> Asking<'_> {
        Asking { server: self, method, path: path.to_owned(), headers: Vec::new(), body: None }
            .with("x-auth-token", &format!("alice:{PROJECT}"))
            .with("accept", "application/json")
    }

    pub(crate) fn get(&self, path: &str) -> Asking<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Asking<'_> {
        self.ask(Method::DELETE, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Asking<'_> {
        self.ask(Method::POST, path).with("content-type", "application/json").raw(&body.to_string())
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Asking<'_> {
        self.ask(Method::PUT, path).with("content-type", "application/json").raw(&body.to_string())
    }

    /// Changes rows.
    pub(crate) async fn run(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.sql).await.unwrap();
    }

    /// One value, as text.
    pub(crate) async fn value(&self, sql: &str) -> Option<String> {
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT ({sql})::text"))).fetch_one(&self.sql).await.unwrap()
    }

    /// There is no worker any more.
    pub(crate) async fn lose_the_worker(&self) {
        self.run("UPDATE services SET heartbeat_at = now() - interval '1 hour'").await;
    }

    pub(crate) async fn volume(&self, size: i32, status: &str) -> Uuid {
        let id = Uuid::new_v4();
        self.run(&format!(
            "INSERT INTO volumes (id, project_id, user_id, name, size_gib, status, availability_zone, volume_type_id, host)
             VALUES ('{id}', '{PROJECT}', 'alice', 'vol', {size}, '{status}', 'nova', (SELECT id FROM volume_types),
                     'lab@rbd#volumes')"
        ))
        .await;
        id
    }

    pub(crate) async fn snapshot(&self, volume: Uuid, status: &str, at: i32) -> Uuid {
        let id = Uuid::new_v4();
        self.run(&format!(
            "INSERT INTO snapshots (id, volume_id, project_id, user_id, size_gib, status, created_at)
             VALUES ('{id}', '{volume}', '{PROJECT}', 'alice', 1, '{status}', {})",
            time(at)
        ))
        .await;
        id
    }

    pub(crate) async fn backup(&self, row: &BackupRow) -> Uuid {
        let mut sql = String::new();
        let id = |id: Option<Uuid>| id.map_or_else(|| "NULL".to_owned(), |id| format!("'{id}'"));
        let BackupRow { project, volume, name, status, size, at, metadata, .. } = row;
        write!(
            sql,
            "INSERT INTO backups (id, project_id, user_id, volume_id, parent_id, snapshot_id, name, status, size_gib,
                                  metadata, created_at, data_timestamp, service, service_metadata, container)
             VALUES ('{}', '{project}', 'alice', '{volume}', {}, {}, '{name}', '{status}', {size}, '{metadata}', {}, {},
                     'cinder.backup.drivers.ceph.CephBackupDriver', '{{\"base\": \"volume-{volume}.backup.{}\"}}',
                     'backups')",
            row.id,
            id(row.parent),
            id(row.snapshot),
            time(*at),
            time(*at),
            row.id
        )
        .unwrap();
        self.run(&sql).await;
        row.id
    }

    pub(crate) async fn status(&self, table: &str, id: Uuid) -> String {
        self.value(&format!("SELECT status FROM {table} WHERE id = '{id}'")).await.unwrap()
    }

    pub(crate) async fn jobs(&self) -> Vec<Value> {
        sqlx::query_scalar("SELECT spec FROM jobs ORDER BY created_at").fetch_all(&self.sql).await.unwrap()
    }
}

/// A point in time in SQL.
fn time(at: i32) -> String {
    format!("timestamptz '2026-01-01 00:00:00+00' + interval '{at} seconds'")
}

/// The names of a list's records.
pub(crate) fn names(body: &Value) -> Vec<&str> {
    body["backups"].as_array().unwrap().iter().map(|backup| backup["name"].as_str().unwrap()).collect()
}

/// The id in a backup's answer.
pub(crate) fn id_of(body: &Value) -> Uuid {
    body["backup"]["id"].as_str().unwrap().parse().unwrap()
}
