//! The `cindervault` program: command line, configuration, wiring and shutdown. Everything else is in the
//! crates below it.

mod ceph_conf;
mod cephx;
mod check;
mod cli;
mod commands;
mod config;
mod logging;
mod output;
mod private;
mod shutdown;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // the same everywhere: asked for where nothing is configured
    if matches!(cli.command, cli::Command::Openapi) {
        return commands::openapi::run();
    }
    #[cfg(feature = "failpoints")]
    if matches!(cli.command, cli::Command::FailPoints) {
        return commands::fail_points::run();
    }
    let file = cli.config_file();
    let config = match config::load(&file).and_then(|config| private::check(&file, &config).map(|()| config)) {
        Ok(config) => config,
        Err(error) => {
            output::problem(&format!("{error:#}"));
            return ExitCode::from(2);
        }
    };
    logging::start(&config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::problem(&format!("the runtime can not be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(commands::run(&cli.command, config));
    // a call into Ceph that does not return must not keep the process alive
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => {
            output::problem(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
