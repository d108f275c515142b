//! `cindervault verify`.

use std::convert::Infallible;
use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context as _;
use catalog::messages::Detail;
use catalog::{BackupId, Catalog};
use chain::verify::Verified;
use chain::{Budget, Control};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use worker::ceph::Ceph;
use worker::{Finding, verify_now};

use crate::cli::Format;
use crate::config::Config;
use crate::output::{print, problem, table};

/// A backup is damaged.
const DAMAGED: u8 = 1;
/// Of a backup it could not be told.
const UNKNOWN: u8 = 2;

/// What came of one backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Row {
    backup: BackupId,
    /// `sound`, `readable`, `damaged` or `unknown`.
    result: &'static str,
    /// How much of it was read, bytes.
    read: Option<u64>,
    detail: String,
}

/// Reads one backup back, or all that are available, and prints what that shows.
pub(crate) async fn run(config: &Config, backup: Option<BackupId>, format: Format) -> ExitCode {
    match verify(config, backup).await {
        Ok(rows) => {
            match format {
                Format::Table => print(&table(
                    ["BACKUP", "RESULT", "READ", "DETAIL"],
                    rows.iter().map(|row| {
                        let read = row.read.map_or_else(|| "-".to_owned(), mib);
                        [row.backup.to_string(), row.result.to_owned(), read, row.detail.clone()]
                    }),
                )),
                Format::Json => print(&serde_json::json!(rows).to_string()),
            }
            code(&rows)
        }
        Err(error) => {
            problem(&format!("{error:#}"));
            ExitCode::from(UNKNOWN)
        }
    }
}

/// The worst result decides.
fn code(rows: &[Row]) -> ExitCode {
    let any = |result: &str| rows.iter().any(|row| row.result == result);
    match (any("damaged"), any("unknown")) {
        (true, _) => ExitCode::from(DAMAGED),
        (false, true) => ExitCode::from(UNKNOWN),
        (false, false) => ExitCode::SUCCESS,
    }
}

async fn verify(config: &Config, backup: Option<BackupId>) -> anyhow::Result<Vec<Row>> {
    let url = &config.database.url;
    let catalog = Catalog::connect(url, "cindervault verify", 2).await.context("the database can not be reached")?;
    let (volumes, backups) = (config.volumes.ceph.options(), config.backups.ceph.options());
    let ceph = Ceph::connect(&volumes, &backups).await.context("Ceph can not be used")?;
    let asked = match backup {
        Some(backup) => vec![backup],
        None => catalog.verifiable_backups().await?,
    };
    let mut rows = Vec::new();
    for id in asked {
        let control = Control::unattended(Budget::new(config.worker.memory_mib << 20));
        let found = {
            let verifying = verify_now(&catalog, &ceph, &config.backups.ceph.pool, id, &control);
            tokio::select! {
                found = verifying => found,
                never = show_progress(id, &control) => match never {},
            }
        };
        rows.push(match found {
            Ok(Some(finding @ Finding::Whole(verified))) => whole(id, &verified, &finding.remarks()),
            Ok(Some(Finding::Damaged(why))) => Row { backup: id, result: "damaged", read: None, detail: why },
            // one of all that were available has gone meanwhile
            Ok(None) if backup.is_none() => continue,
            Ok(None) => {
                let detail = "there is no such backup, or it is neither available nor being restored".to_owned();
                Row { backup: id, result: "unknown", read: None, detail }
            }
            Err(error) => {
                let detail = format!("{:#}", anyhow::Error::new(error));
                Row { backup: id, result: "unknown", read: None, detail }
            }
        });
    }
    catalog.close().await;
    Ok(rows)
}

fn whole(backup: BackupId, verified: &Verified, remarks: &[Detail]) -> Row {
    let (result, detail) = match (verified.checksums, verified.source) {
        (true, true) => ("sound", "as its checksums and the volume's own snapshot say"),
        (true, false) => ("sound", "as its checksums say"),
        (false, true) => ("sound", "as the volume's own snapshot says; it has no checksums"),
        (false, false) => ("readable", "there is nothing to compare it with"),
    };
    let told = std::iter::once(detail).chain(remarks.iter().map(|remark| remark.text()));
    Row { backup, result, read: Some(verified.read), detail: told.collect::<Vec<_>>().join(". ") }
}

/// A progress bar that leaves nothing on the terminal.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Shows how far a verification has come, for ever; nothing where nobody watches.
async fn show_progress(id: BackupId, control: &Control) -> Infallible {
    if !std::io::stderr().is_terminal() {
        return std::future::pending().await;
    }
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}");
    let mut bar = ProgressBar::new(0).with_prefix(id.to_string());
    if let Ok(style) = style {
        bar = bar.with_style(style);
    }
    let bar = Cleared(bar);
    let mut progress = control.progress.subscribe();
    loop {
        let seen = *progress.borrow_and_update();
        bar.0.set_length(seen.total);
        bar.0.set_position(seen.examined);
        if progress.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_result_decides() {
        let rows = |results: &[&'static str]| -> Vec<Row> {
            let row =
                |result: &&'static str| Row { backup: BackupId::random(), result, read: None, detail: String::new() };
            results.iter().map(row).collect()
        };
        let told = |results: &[&'static str]| format!("{:?}", code(&rows(results)));
        assert_eq!(told(&[]), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(told(&["sound", "readable"]), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(told(&["unknown", "sound"]), format!("{:?}", ExitCode::from(UNKNOWN)));
        assert_eq!(told(&["unknown", "damaged"]), format!("{:?}", ExitCode::from(DAMAGED)));
    }
}
