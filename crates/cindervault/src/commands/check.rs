//! `cindervault check`.

use std::process::ExitCode;

use crate::check::everything;
use crate::cli::Format;
use crate::config::Config;
use crate::output::{print, table};

/// Looks at everything and prints what was found.
pub(crate) async fn run(config: &Config, format: Format) -> ExitCode {
    let findings = everything(config).await;
    match format {
        Format::Table => print(&table(
            ["CHECK", "RESULT", "DETAIL"],
            findings.iter().map(|one| [one.what.as_str(), one.word(), &one.detail]),
        )),
        Format::Json => print(&serde_json::json!(findings).to_string()),
    }
    if findings.iter().all(|finding| finding.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
