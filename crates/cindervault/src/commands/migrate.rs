//! `cindervault migrate`.

use std::process::ExitCode;

use anyhow::Context;
use catalog::Catalog;

use crate::config::Config;
use crate::output::print;

/// Brings the schema up to date.
pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let catalog = Catalog::connect(&config.database.url, "cindervault migrate", 2)
        .await
        .context("the database can not be reached")?;
    catalog.migrate().await.context("the database's schema could not be brought up to date")?;
    catalog.close().await;
    print("the database's schema is up to date");
    Ok(ExitCode::SUCCESS)
}
