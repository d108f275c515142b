//! The configuration: one TOML file, the environment over it, typed, unknown keys refused.

mod auth;
mod database;
mod toml;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use api::ResourceFilters;
use figment::Figment;
use figment::providers::{Env, Format, Serialized};
use rbd::ClusterOptions;
use serde::{Deserialize, Serialize};
use worker::ceph::PoolOptions;

pub(crate) use self::auth::{Auth, AuthMode, Policy};
pub(crate) use self::database::has_password;
pub(crate) use self::toml::Toml;

/// An hour, in seconds.
const HOUR: f64 = 3600.0;

/// A day, in seconds.
const DAY: f64 = 86_400.0;

/// The largest page that may be configured.
const MAX_LIMIT: u32 = 10_000;

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Config {
    /// `[api]`
    pub api: Api,
    /// `[database]`
    pub database: Database,
    /// `[auth]`
    pub auth: Auth,
    /// `[policy]`
    pub policy: Policy,
    /// `[volumes]`
    pub volumes: Volumes,
    /// `[backups]`
    pub backups: Backups,
    /// `[worker]`
    pub worker: Worker,
    /// `[log]`
    pub log: Log,
}

/// `[api]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Api {
    /// Address and port to listen on.
    pub listen: String,
    /// The address under which clients reach us, when a proxy stands between.
    pub public_url: Option<String>,
    /// The most records in one page of a list.
    pub max_limit: u32,
    /// How many requests a project may make each second; without it, any number.
    pub requests_per_second_per_project: Option<u32>,
    /// How long a new backup waits while there is no worker at all, before it becomes `error`; seconds.
    pub worker_wait_seconds: u64,
    /// `[api.resource_filters]`: the filters that callers who are not administrators may use, by resource.
    pub resource_filters: BTreeMap<String, Vec<String>>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8776".to_owned(),
            public_url: None,
            max_limit: 1000,
            requests_per_second_per_project: None,
            worker_wait_seconds: 60,
            resource_filters: ResourceFilters::default().into_map(),
        }
    }
}

/// `[database]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Database {
    /// `postgres://user:password@host:port/database`
    pub url: String,
    /// How many connections each of API and worker may hold.
    pub connections: u32,
}

/// Without the URL, which holds a password.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: String::new(), connections: 16 }
    }
}

/// `[volumes]`
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Volumes {
    /// Where volumes come from.
    pub source: Source,
    /// `[volumes.ceph]`
    pub ceph: CephPool,
}

/// Where volumes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// Cindervault serves the volumes itself, over an RBD pool.
    #[default]
    Standalone,
}

/// `[backups]`
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Backups {
    /// `[backups.ceph]`
    pub ceph: CephPool,
}

/// A pool of a cluster, and the user to reach it as.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CephPool {
    /// The cluster's conf file.
    pub conf: PathBuf,
    /// The cephx user, without `client.`.
    pub user: String,
    /// The pool.
    pub pool: String,
}

impl Default for CephPool {
    fn default() -> Self {
        Self { conf: "/etc/ceph/ceph.conf".into(), user: String::new(), pool: String::new() }
    }
}

impl CephPool {
    /// As the worker takes it.
    pub(crate) fn options(&self) -> PoolOptions {
        PoolOptions {
            cluster: ClusterOptions { conf: self.conf.clone(), user: self.user.clone() },
            pool: self.pool.clone(),
        }
    }
}

/// `[worker]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Worker {
    /// The host's name as services and backups show it; the machine's own when empty.
    pub host: String,
    /// The availability zone.
    pub zone: String,
    /// The name of the volume backend in `host@backend#pool`.
    pub backend: String,
    /// How many creates and restores run at once.
    pub copies: usize,
    /// How many other jobs run at once.
    pub light_jobs: usize,
    /// How much data may be in flight over all copies, MiB.
    pub memory_mib: u64,
    /// How long a job is a worker's without being renewed, seconds.
    pub lease_seconds: u64,
    /// How often the queue is looked at without having been told to, seconds.
    pub poll_seconds: u64,
    /// How often a heartbeat is recorded, seconds.
    pub heartbeat_seconds: u64,
    /// How long running jobs may go on after SIGTERM, seconds.
    pub drain_seconds: u64,
    /// The records are compared with what is on Ceph once in so many hours, and what is provably ours is repaired; 0
    /// for never.
    pub reconcile_hours: f64,
    /// Which of the snapshots that backups leave on a volume stay there.
    pub source_snapshots: SourceSnapshots,
    /// Whether checksums are recorded with backups.
    pub checksums: bool,
    /// Every backup is read back and compared with its checksums once in so many days; 0 for never.
    pub scrub_days: f64,
    /// How fast each worker reads for that, MiB a second; 0 for as fast as it goes.
    pub scrub_mib_per_second: u64,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            host: String::new(),
            zone: "nova".to_owned(),
            backend: "rbd".to_owned(),
            copies: 15,
            light_jobs: 16,
            memory_mib: 128,
            lease_seconds: 30,
            poll_seconds: 5,
            heartbeat_seconds: 10,
            drain_seconds: 20,
            reconcile_hours: 24.0,
            source_snapshots: SourceSnapshots::Needed,
            checksums: true,
            scrub_days: 30.0,
            scrub_mib_per_second: 32,
        }
    }
}

/// Which of the snapshots that backups leave on a volume stay there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceSnapshots {
    /// The newest of each project and container: an increment starts there.
    Needed,
    /// All, as Cinder keeps them, until their backups are deleted.
    All,
}

/// `[log]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Log {
    /// A level (`info`), or a filter as `RUST_LOG` takes it.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info,sqlx=warn".to_owned(), format: LogFormat::Text }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads the configuration.
///
/// # Errors
/// The file can not be read, or holds what can not be used: all of it is named.
pub(crate) fn load(file: &Path) -> anyhow::Result<Config> {
    if !file.exists() {
        bail!("there is no configuration file {}: name one with --config, or set CINDERVAULT_CONFIG", file.display());
    }
    read(Figment::new().merge(Toml::file_exact(file)))
        .with_context(|| format!("the configuration ({}, and CINDERVAULT__… in the environment)", file.display()))
}

fn read(file: Figment) -> anyhow::Result<Config> {
    let given = file.merge(Env::prefixed("CINDERVAULT__").split("__"));
    let values: serde_json::Value = given.extract().map_err(told)?;
    let known = serde_json::to_value(Config::default()).context("the defaults can not be written down")?;
    let mut problems = Vec::new();
    unknown_keys("", &values, &known, &mut problems);
    if !problems.is_empty() {
        bail!("{}", list(&problems));
    }
    let config: Config = Figment::from(Serialized::defaults(Config::default())).merge(given).extract().map_err(told)?;
    config.problems(&mut problems);
    if problems.is_empty() { Ok(config) } else { bail!("{}", list(&problems)) }
}

/// All that figment found wrong, without what it found.
fn told(errors: figment::Error) -> anyhow::Error {
    anyhow::anyhow!("{}", list(&errors.into_iter().map(|one| toml::wrong(&one)).collect::<Vec<_>>()))
}

fn list(problems: &[String]) -> String {
    let mut text = String::new();
    for problem in problems {
        text.push_str("\n  - ");
        text.push_str(problem);
    }
    text
}

/// Names every key that the configuration does not have.
fn unknown_keys(path: &str, given: &serde_json::Value, known: &serde_json::Value, problems: &mut Vec<String>) {
    let (Some(given), Some(known)) = (given.as_object(), known.as_object()) else { return };
    for (key, value) in given {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if let Some(inner) = known.get(key) {
            unknown_keys(&path, value, inner, problems);
        } else {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            problems.push(format!("{path} is not known here (known are: {})", names.join(", ")));
        }
    }
}

impl Config {
    /// Everything that can be seen to be wrong without asking anybody.
    fn problems(&self, problems: &mut Vec<String>) {
        self.auth.problems(problems);
        database::problems(&self.database.url, problems);
        let mut demand = |holds: bool, text: &str| {
            if !holds {
                problems.push(text.to_owned());
            }
        };
        demand(self.database.connections > 1, "database.connections must be at least 2");
        demand(
            self.api.listen.parse::<std::net::SocketAddr>().is_ok(),
            "api.listen must be an address and a port, such as 127.0.0.1:8776",
        );
        demand(
            self.api.public_url.as_ref().is_none_or(|url| !url.contains('@')),
            "api.public_url must be without a user's name and password: everybody is told it",
        );
        demand(
            (1..=MAX_LIMIT).contains(&self.api.max_limit),
            &format!("api.max_limit must be from 1 to {MAX_LIMIT}: a page is made in memory"),
        );
        demand(
            self.api.requests_per_second_per_project != Some(0),
            "api.requests_per_second_per_project must be at least 1; leave it out for no limit",
        );
        demand(
            !self.volumes.ceph.user.is_empty(),
            "volumes.ceph.user is missing: the cephx user for the volumes' pool",
        );
        demand(!self.volumes.ceph.pool.is_empty(), "volumes.ceph.pool is missing: the pool of the volumes");
        demand(
            !self.backups.ceph.user.is_empty(),
            "backups.ceph.user is missing: the cephx user for the backups' pool",
        );
        demand(!self.backups.ceph.pool.is_empty(), "backups.ceph.pool is missing: the pool of the backups");
        demand(self.worker.copies > 0, "worker.copies must be at least 1");
        demand(self.worker.light_jobs > 0, "worker.light_jobs must be at least 1");
        demand(self.worker.memory_mib >= 64, "worker.memory_mib must be at least 64: two of the largest objects");
        demand(self.worker.lease_seconds >= 3, "worker.lease_seconds must be at least 3");
        demand(
            self.worker.lease_seconds > self.worker.heartbeat_seconds,
            "worker.lease_seconds must be more than worker.heartbeat_seconds: a worker that is seen to live would lose \
             its jobs",
        );
        demand(self.worker.poll_seconds > 0, "worker.poll_seconds must be at least 1");
        demand(self.worker.heartbeat_seconds > 0, "worker.heartbeat_seconds must be at least 1");
        demand(
            self.worker.heartbeat_seconds <= 30,
            "worker.heartbeat_seconds must be at most 30: after 60 seconds a service counts as down",
        );
        demand(
            (0.0..=144.0).contains(&self.worker.reconcile_hours),
            "worker.reconcile_hours must be from 0 (never) to 144; a part of an hour is allowed",
        );
        demand(
            (0.0..=3650.0).contains(&self.worker.scrub_days),
            "worker.scrub_days must be from 0 (never) to 3650; a part of a day is allowed",
        );
        demand(
            self.worker.scrub_mib_per_second <= 1 << 20,
            "worker.scrub_mib_per_second must be at most 1048576; 0 is as fast as it goes",
        );
    }

    /// The host's name.
    pub(crate) fn host(&self) -> String {
        if !self.worker.host.is_empty() {
            return self.worker.host.clone();
        }
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let machine = machine.trim();
        if machine.is_empty() { "localhost".to_owned() } else { machine.to_owned() }
    }

    /// How the worker is to behave.
    pub(crate) fn worker_settings(&self) -> worker::Settings {
        worker::Settings {
            host: self.host(),
            zone: self.worker.zone.clone(),
            backend: self.worker.backend.clone(),
            copies: self.worker.copies,
            light_jobs: self.worker.light_jobs,
            memory: self.worker.memory_mib << 20,
            lease: Duration::from_secs(self.worker.lease_seconds),
            poll: Duration::from_secs(self.worker.poll_seconds),
            heartbeat: Duration::from_secs(self.worker.heartbeat_seconds),
            drain: Duration::from_secs(self.worker.drain_seconds),
            trim_sources: self.worker.source_snapshots == SourceSnapshots::Needed,
            checksums: self.worker.checksums,
            scrub_every: (self.worker.scrub_days > 0.0).then(|| Duration::from_secs_f64(self.worker.scrub_days * DAY)),
            reconcile_every: (self.worker.reconcile_hours > 0.0)
                .then(|| Duration::from_secs_f64(self.worker.reconcile_hours * HOUR)),
            scrub_bytes_per_second: NonZeroU64::new(self.worker.scrub_mib_per_second << 20),
            default_container: self.backups.ceph.pool.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [database]
        url = "postgres://localhost/x"
        [volumes.ceph]
        user = "v"
        pool = "volumes"
        [backups.ceph]
        user = "b"
        pool = "backups"
    "#;

    #[test]
    fn a_configuration_can_be_printed_without_its_passwords() {
        let mut config = parse(GOOD).unwrap();
        "postgres://user:planted@localhost/x".clone_into(&mut config.database.url);
        "planted".clone_into(&mut config.auth.keystone.password);
        assert!(!format!("{config:?}").contains("planted"));
    }

    fn parse(text: &str) -> anyhow::Result<Config> {
        read(Figment::new().merge(Toml::string(text)))
    }

    #[test]
    fn a_small_file_is_enough() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.api.listen, "127.0.0.1:8776");
        assert_eq!(config.volumes.ceph.conf, Path::new("/etc/ceph/ceph.conf"));
        assert_eq!(config.worker.memory_mib, 128);
    }

    #[test]
    fn filters_replace_those_of_the_resources_that_are_named() {
        let config = parse(&format!("{GOOD}\n[api.resource_filters]\nbackup = [\"name~\"]")).unwrap();
        assert_eq!(config.api.resource_filters["backup"], ["name~"]);
        assert!(config.api.resource_filters["snapshot"].contains(&"volume_id".to_owned()));
        let error = parse(&format!("{GOOD}\n[api.resource_filters]\nbackups = [\"name\"]")).unwrap_err().to_string();
        assert!(error.contains("api.resource_filters.backups is not known here"), "{error}");
    }

    #[test]
    fn unknown_keys_are_all_named() {
        let error = parse(&format!("{GOOD}\ncolour = 1\n[api]\nlisten = \"x\"\nport = 1\n[wrk]\na = 1"))
            .unwrap_err()
            .to_string();
        for part in ["backups.ceph.colour", "api.port is not known here", "wrk is not known here"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn missing_and_impossible_values_are_all_named() {
        let error = parse("[api]\nlisten = \"nowhere\"\n[worker]\ncopies = 0").unwrap_err().to_string();
        for part in ["database.url", "api.listen", "volumes.ceph.user", "backups.ceph.pool", "worker.copies"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn another_database_and_a_lease_that_is_too_short_are_refused_with_what_is_wanted() {
        for (url, said) in [("mysql://c:planted@db/cinder", "not mysql://"), ("db/cinder", "not without a scheme")] {
            let error = parse(&GOOD.replace("postgres://localhost/x", url)).unwrap_err().to_string();
            assert!(error.contains("postgres://user:password@host/database") && error.contains(said), "{error}");
            assert!(!error.contains("planted"), "{error}");
        }
        assert!(parse(&GOOD.replace("postgres://", "postgresql://")).is_ok());
        let worker = |text: &str| parse(&format!("{GOOD}\n[worker]\n{text}"));
        let error = worker("lease_seconds = 10\nheartbeat_seconds = 10").unwrap_err().to_string();
        assert!(error.contains("worker.lease_seconds must be more than worker.heartbeat_seconds"), "{error}");
        assert!(worker("lease_seconds = 11\nheartbeat_seconds = 10").is_ok());
    }

    #[test]
    fn limits_of_requests_are_bounded_and_that_of_their_number_is_off() {
        assert_eq!(parse(GOOD).unwrap().api.requests_per_second_per_project, None);
        let api = |text: &str| parse(&format!("{GOOD}\n[api]\n{text}"));
        assert_eq!(api("requests_per_second_per_project = 5").unwrap().api.requests_per_second_per_project, Some(5));
        assert_eq!(api("max_limit = 10000").unwrap().api.max_limit, 10_000);
        for (text, key) in [
            ("requests_per_second_per_project = 0", "api.requests_per_second_per_project must be at least 1"),
            ("requests_per_second_per_project = -1", "requests_per_second_per_project"),
            ("requests_per_second_per_project = \"many\"", "requests_per_second_per_project"),
            ("max_limit = 0", "api.max_limit must be from 1 to 10000"),
            ("max_limit = 10001", "api.max_limit must be from 1 to 10000"),
        ] {
            let error = api(text).unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn keystone_needs_to_be_told_who_we_are() {
        let mode = "[auth]\nmode = \"keystone\"\n";
        let error = parse(&format!("{GOOD}\n{mode}")).unwrap_err().to_string();
        for key in ["auth_url", "username", "password", "project_name"] {
            assert!(error.contains(&format!("auth.keystone.{key} is missing")), "{error}");
        }
        let full = "[auth.keystone]\nauth_url = \"http://ks\"\nusername = \"u\"\npassword = \"hunter2\"\nproject_name = \"service\"";
        let config = parse(&format!("{GOOD}\n{mode}{full}")).unwrap();
        assert_eq!(config.auth.keystone.user_domain_name, "Default");
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(config.auth.keystone_settings().is_ok());
        let digits = parse(&format!("{GOOD}\n{mode}{}", full.replace("\"hunter2\"", "31337"))).unwrap_err().to_string();
        assert!(digits.contains("in quotes") && !digits.contains("31337"), "{digits}");
        let both = parse(&format!("{GOOD}\n{mode}{full}\npassword_file = \"/nowhere\"")).unwrap_err().to_string();
        assert!(both.contains("password_file"), "{both}");
        let unknown = parse(&format!("{GOOD}\n{mode}{full}\nuser = \"x\"")).unwrap_err().to_string();
        assert!(unknown.contains("auth.keystone.user is not known"), "{unknown}");
    }

    #[test]
    fn what_can_not_be_used_is_told_by_its_place_alone() {
        for (text, said) in [
            ("[database]\nurl = \"postgres://u:PLANTED@h/d\n[api]\n", "line 2, column"),
            ("[database]\nurl = postgres://u:PLANTED@h/d\n", "line 2, column"),
            ("[database]\nconnections = \"PLANTED\"\n", "database.connections: must be u32"),
            ("database = \"PLANTED\"\n", "database: must be"),
            ("[log]\nformat = \"PLANTED\"\n", "log.format: must be `text` or `json`"),
            ("[worker]\nchecksums = \"PLANTED\"\n", "worker.checksums: must be a boolean"),
            ("[api]\nlisten = \"PLANTED\"\n", "api.listen must be"),
            ("[api.resource_filters]\nbackup = \"PLANTED\"\n", "api.resource_filters.backup: must be"),
            ("[api]\npublic_url = \"http://u:PLANTED@h\"\n", "api.public_url must be without"),
            (
                "[auth]\nmode = \"keystone\"\n[auth.keystone]\nauth_url = \"http://u:PLANTED@h\"\n",
                "auth.keystone.auth_url must",
            ),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(said) && !error.contains("PLANTED"), "{text}: {error}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_by_its_key() {
        let error = parse(&format!("{GOOD}\n[worker]\ncopies = \"many\"")).unwrap_err().to_string();
        assert!(error.contains("worker.copies: must be usize, and not such a text"), "{error}");
        let error = parse(&format!("{GOOD}\n[auth]\nmode = \"magic\"")).unwrap_err().to_string();
        assert!(error.contains("auth.mode: must be `noauth` or `keystone`"), "{error}");
    }
}
