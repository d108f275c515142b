//! `cindervault serve`, `api` and `worker`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use api::Api;
use catalog::Catalog;
use identity::{Authenticator, Keystone, Policy};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use worker::Worker;

use crate::commands::upkeep;
use crate::config::{AuthMode, Config};
use crate::{ceph_conf, check, shutdown};

/// What a process does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roles {
    /// It answers requests.
    pub api: bool,
    /// It does jobs.
    pub worker: bool,
}

impl Roles {
    /// Under which name the database lists the process.
    fn name(self) -> &'static str {
        match self {
            Self { api: true, worker: true } => "cindervault serve",
            Self { api: true, worker: false } => "cindervault api",
            Self { api: false, .. } => "cindervault worker",
        }
    }
}

/// Serves until a signal.
pub(crate) async fn run(config: Config, roles: Roles) -> anyhow::Result<ExitCode> {
    let connections = config.database.connections;
    let catalog = Catalog::connect(&config.database.url, roles.name(), connections)
        .await
        .context("the database can not be reached")?;
    catalog.migrate().await.context("the database's schema could not be brought up to date")?;

    let drain = CancellationToken::new();
    let tasks = TaskTracker::new();
    if roles.worker {
        let worker = connect_worker(&config, catalog.clone()).await?;
        let drain = drain.clone();
        tasks.spawn(async move { worker.run(drain).await });
    }
    if roles.api {
        let listener = TcpListener::bind(&config.api.listen)
            .await
            .with_context(|| format!("{} (api.listen) can not be listened on", config.api.listen))?;
        tracing::info!(listen = %listener.local_addr()?, "API started");
        let authenticator = authenticator(&config).await?;
        let policy = Policy::load(config.policy.settings())?;
        let api = Api::new(catalog.clone(), authenticator.clone(), policy.clone(), api_settings(&config))?;
        let stop = drain.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = policy.follow() => {}
                () = authenticator.follow_revocations() => {}
            }
        });
        let stop = drain.clone();
        tasks.spawn(async move {
            api::serve(listener, api, stop.clone()).await;
            // a process without its API is of no use to anybody who watches it: end the rest as well
            stop.cancel();
        });
        let (catalog, stop) = (catalog.clone(), drain.clone());
        let wait = Duration::from_secs(config.api.worker_wait_seconds);
        tasks.spawn(async move { upkeep::run(&catalog, wait, stop).await });
    }
    tasks.close();

    let code = tokio::select! {
        () = tasks.wait() => ExitCode::SUCCESS,
        ended = shutdown::wait(drain.clone()) => {
            ended.context("signals can not be listened to")?;
            ExitCode::from(130)
        }
    };
    catalog.close().await;
    Ok(code)
}

/// Connects to both sides of Ceph, and says precisely what stands in the way where it can not.
async fn connect_worker(config: &Config, catalog: Catalog) -> anyhow::Result<Worker> {
    let bad: Vec<String> = check::ceph(config)
        .await
        .into_iter()
        .filter(|finding| !finding.ok)
        .map(|finding| format!("\n  - {}: {}", finding.what, finding.detail))
        .collect();
    if !bad.is_empty() {
        bail!("Ceph can not be used:{}", bad.concat());
    }
    let (volumes, backups) = (config.volumes.ceph.options(), config.backups.ceph.options());
    Worker::connect(catalog, volumes, backups, config.worker_settings()).await.context("the worker can not start")
}

/// How callers are recognised. A Keystone that is away may come back; one that does not accept us is a mistake
/// to be told now.
async fn authenticator(config: &Config) -> anyhow::Result<Authenticator> {
    if config.auth.mode == AuthMode::Noauth {
        tracing::warn!("auth.mode is noauth: whoever reaches the API may do everything");
        return Ok(Authenticator::Noauth);
    }
    let keystone = Keystone::new(config.auth.keystone_settings()?).context("auth.keystone can not be used")?;
    match keystone.probe().await {
        Ok(standing) if standing.may_look_up => {}
        Ok(standing) => tracing::warn!(
            roles = standing.roles.join(","),
            "Keystone may not let us look at tokens: the service user has neither the role service nor admin"
        ),
        Err(error) if error.is_transient() => tracing::warn!(
            error = &*error as &dyn std::error::Error,
            "Keystone is away: until it is there, nobody is recognised"
        ),
        Err(error) => return Err(anyhow::Error::new(error).context("auth.keystone can not be used")),
    }
    Ok(Authenticator::Keystone(keystone))
}

fn api_settings(config: &Config) -> api::Settings {
    api::Settings {
        public_url: config.api.public_url.clone(),
        max_limit: config.api.max_limit,
        requests_per_second: config.api.requests_per_second_per_project.and_then(std::num::NonZeroU32::new),
        resource_filters: api::ResourceFilters::new(config.api.resource_filters.clone()),
        availability_zone: config.worker.zone.clone(),
        volume_host: format!("{}@{}#{}", config.host(), config.worker.backend, config.volumes.ceph.pool),
        connection: ceph_conf::connection(&config.volumes.ceph),
        ..api::Settings::default()
    }
}
