//! `cindervault reconcile`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use catalog::Catalog;
use worker::reconcile::{Report, reconcile};

use crate::cli::Format;
use crate::config::Config;
use crate::output::{print, table};

/// Compares the records with what is on Ceph, repairs what may be repaired unless that is not wanted, and prints it.
pub(crate) async fn run(config: &Config, dry_run: bool, format: Format) -> anyhow::Result<ExitCode> {
    let catalog = Catalog::connect(&config.database.url, "cindervault reconcile", 4)
        .await
        .context("the database can not be reached")?;
    let (volumes, backups) = (config.volumes.ceph.options(), config.backups.ceph.options());
    let done = reconcile(&catalog, volumes, backups, &config.worker_settings(), !dry_run)
        .await
        .context("records and Ceph could not be compared")?;
    catalog.close().await;
    let Some(report) = done else { bail!("another process compares and repairs; --dry-run works beside it") };
    match format {
        Format::Table => print(&text(&report)),
        Format::Json => print(&serde_json::to_string(&report)?),
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.findings.is_empty() {
        let rows = report.findings.iter().map(|one| {
            let outcome = match &one.left_because {
                Some(because) => format!("{}: {because}", one.outcome),
                None => one.outcome.to_string(),
            };
            [one.class.to_string(), one.what.clone(), one.why.clone(), outcome, one.by_hand.clone()]
        });
        text.push_str(&table(["CLASS", "WHAT", "WHY", "OUTCOME", "BY HAND"], rows));
        text.push_str("\n\n");
    }
    let pools = report.missing_pools.iter().map(|pool| format!("pool {pool}, which records name, does not exist"));
    let busy = report.busy_volumes.iter().map(|id| format!("volume {id} was not looked at: jobs work on it"));
    let last = format!("{} volumes looked at, {} disagreements", report.volumes, report.findings.len());
    let lines: Vec<String> = pools.chain(busy).chain([last]).collect();
    text.push_str(&lines.join("\n"));
    text
}
