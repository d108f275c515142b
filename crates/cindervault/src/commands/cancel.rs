//! `cindervault cancel`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use catalog::backups::CancelRejected;
use catalog::page::Scope;
use catalog::{BackupId, Catalog};

use crate::config::Config;
use crate::output::{print, problem};

/// How fail reasons name whoever runs this.
const OPERATOR: &str = "the operator";

/// It was not there, or there was nothing to cancel.
const NOTHING: u8 = 1;
/// It had not ended when the time was over.
const STILL_RUNNING: u8 = 2;

/// Cancels what is being done with a backup, and waits until that has ended.
pub(crate) async fn run(config: &Config, backup: BackupId, wait: Duration) -> anyhow::Result<ExitCode> {
    let catalog = Catalog::connect(&config.database.url, "cindervault cancel", config.database.connections)
        .await
        .context("the database can not be reached")?;
    // before the question, so that no answer is missed
    let mut listener = catalog.job_listener().await?;
    match catalog.cancel_backup(backup, &Scope::Every, OPERATOR).await? {
        Ok(()) => {}
        Err(CancelRejected::NoSuchBackup(_)) => {
            problem(&format!("there is no backup {backup}"));
            return Ok(ExitCode::from(NOTHING));
        }
        Err(CancelRejected::Status(status)) => {
            problem(&format!("backup {backup} is {status}: nothing is being done with it that could be cancelled"));
            return Ok(ExitCode::from(NOTHING));
        }
    }
    let ended = tokio::time::timeout(wait, async {
        // a job's end is announced
        while catalog.is_being_cancelled(backup).await? {
            listener.wait().await?;
        }
        Ok::<_, catalog::Error>(())
    });
    if let Ok(ended) = ended.await {
        ended?;
        print(&format!("{backup}: cancelled"));
        return Ok(ExitCode::SUCCESS);
    }
    let seconds = wait.as_secs();
    print(&format!(
        "{backup}: asked to stop, and not yet ended after {seconds} s: its worker is away, or waits for Ceph"
    ));
    Ok(ExitCode::from(STILL_RUNNING))
}
