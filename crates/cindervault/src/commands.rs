//! The commands.

mod cancel;
mod check;
#[cfg(feature = "failpoints")]
pub(crate) mod fail_points;
mod migrate;
pub(crate) mod openapi;
mod policy;
mod reconcile;
mod serve;
mod upkeep;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::Command;
use crate::config::Config;

/// Runs a command.
///
/// # Errors
/// What made it fail, for the one who started it.
pub(crate) async fn run(command: &Command, config: Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => serve::run(config, serve::Roles { api: true, worker: true }).await,
        Command::Api => serve::run(config, serve::Roles { api: true, worker: false }).await,
        Command::Worker => serve::run(config, serve::Roles { api: false, worker: true }).await,
        Command::Migrate => migrate::run(&config).await,
        Command::Cancel { backup, wait } => cancel::run(&config, *backup, Duration::from_secs(*wait)).await,
        Command::Check { format } => Ok(check::run(&config, *format).await),
        Command::Reconcile { dry_run, format } => Box::pin(reconcile::run(&config, *dry_run, *format)).await,
        Command::Verify { backup, format, .. } => Ok(Box::pin(verify::run(&config, *backup, *format)).await),
        Command::Openapi => Ok(openapi::run()),
        #[cfg(feature = "failpoints")]
        Command::FailPoints => Ok(fail_points::run()),
        Command::Policy { command } => policy::run(&config, command),
    }
}
