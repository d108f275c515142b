//! `cindervault check`.

use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};

use crate::check::{Finding, everything};
use crate::cli::Format;
use crate::config::Config;
use crate::output::print;

/// Looks at everything and prints what was found.
pub(crate) async fn run(config: &Config, format: Format) -> ExitCode {
    let findings = everything(config).await;
    match format {
        Format::Table => print(&table(&findings)),
        Format::Json => print(&serde_json::json!(findings).to_string()),
    }
    if findings.iter().all(|finding| finding.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn table(findings: &[Finding]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["CHECK", "RESULT", "DETAIL"]);
    for finding in findings {
        table.add_row([finding.what.as_str(), if finding.ok { "ok" } else { "FAILED" }, &finding.detail]);
    }
    table.trim_fmt()
}
