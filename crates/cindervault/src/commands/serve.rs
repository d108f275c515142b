//! `cindervault serve`, `api` and `worker`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use api::Api;
use catalog::Catalog;
use identity::{Authenticator, Policy};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use worker::Worker;
use worker::ceph::Ceph;

use crate::check;
use crate::commands::upkeep;
use crate::config::{AuthMode, Config};
use crate::shutdown;

/// What a process does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roles {
    /// It answers requests.
    pub api: bool,
    /// It does jobs.
    pub worker: bool,
}

/// Serves until a signal.
pub(crate) async fn run(config: Config, roles: Roles) -> anyhow::Result<ExitCode> {
    let connections = config.database.connections;
    let catalog =
        Catalog::connect(&config.database.url, connections).await.context("the database can not be reached")?;
    catalog.migrate().await.context("the database's schema could not be brought up to date")?;

    let drain = CancellationToken::new();
    let tasks = TaskTracker::new();
    if roles.worker {
        let worker = Worker::new(catalog.clone(), connect_ceph(&config).await?, config.worker_settings());
        let drain = drain.clone();
        tasks.spawn(async move { worker.run(drain).await });
    }
    if roles.api {
        let listener = TcpListener::bind(&config.api.listen)
            .await
            .with_context(|| format!("{} (api.listen) can not be listened on", config.api.listen))?;
        tracing::info!(listen = %listener.local_addr()?, "API started");
        let api = Api::new(catalog.clone(), authenticator(&config), Policy::default(), api_settings(&config))?;
        let stop = drain.clone();
        tasks.spawn(async move {
            let served = api::serve(listener, api, stop.clone()).await;
            if let Err(error) = &served {
                tracing::error!(error = error as &dyn std::error::Error, "the API ended");
            }
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
async fn connect_ceph(config: &Config) -> anyhow::Result<Ceph> {
    let bad: Vec<String> = check::ceph(config)
        .await
        .into_iter()
        .filter(|finding| !finding.ok)
        .map(|finding| format!("\n  - {}: {}", finding.what, finding.detail))
        .collect();
    if !bad.is_empty() {
        bail!("Ceph can not be used:{}", bad.concat());
    }
    Ceph::connect(&config.volumes.ceph.options(), &config.backups.ceph.options()).await.context("connecting to Ceph")
}

fn authenticator(config: &Config) -> Authenticator {
    match config.auth.mode {
        AuthMode::Noauth => {
            tracing::warn!("auth.mode is noauth: whoever reaches the API may do everything");
            Authenticator::Noauth
        }
    }
}

fn api_settings(config: &Config) -> api::Settings {
    api::Settings {
        public_url: config.api.public_url.clone(),
        max_limit: config.api.max_limit,
        availability_zone: config.worker.zone.clone(),
        volume_host: format!("{}@{}#{}", config.host(), config.worker.backend, config.volumes.ceph.pool),
        ..api::Settings::default()
    }
}
