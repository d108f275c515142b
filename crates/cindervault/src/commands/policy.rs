//! `cindervault policy`.

use std::process::ExitCode;

use identity::{Context, Policy, PolicyEntry, Target};
use serde_json::json;

use crate::cli::{Format, PolicyCommand, PolicyQuestion};
use crate::config::Config;
use crate::output::{print, problem, table};

/// Shows the rules, or asks one.
pub(crate) fn run(config: &Config, command: &PolicyCommand) -> anyhow::Result<ExitCode> {
    let policy = Policy::load(config.policy.settings())?;
    match command {
        PolicyCommand::List { format } => {
            list(&policy.entries(), *format);
            Ok(ExitCode::SUCCESS)
        }
        PolicyCommand::Check(question) => Ok(check(&policy, question)),
    }
}

fn list(entries: &[PolicyEntry], format: Format) {
    match format {
        Format::Table => print(&table(
            ["RULE", "WHO PASSES", "FROM"],
            entries.iter().map(|entry| [entry.name.as_str(), check_of(entry), source(entry)]),
        )),
        Format::Json => {
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| json!({ "rule": entry.name, "check": entry.check, "from": source(entry) }))
                .collect();
            print(&json!(entries).to_string());
        }
    }
}

fn check(policy: &Policy, question: &PolicyQuestion) -> ExitCode {
    let mut context = Context {
        user_id: question.user.clone(),
        project_id: question.project.clone(),
        roles: question.roles.iter().map(|role| role.trim().to_lowercase()).collect(),
        ..Context::default()
    };
    context.is_admin = policy.is_admin(&context);
    let target = Target {
        project_id: question.target_project.as_deref().or(question.project.as_deref()),
        user_id: Some(question.target_user.as_deref().unwrap_or(&question.user)),
    };
    let decided = policy.decide(&question.rule, &context, target);
    let (Some(allowed), Some(entry)) =
        (decided, policy.entries().into_iter().find(|entry| entry.name == question.rule))
    else {
        problem(&format!("there is no rule {}; `cindervault policy list` shows them all", question.rule));
        return ExitCode::from(2);
    };
    match question.format {
        Format::Table => print(&table(
            ["RULE", "RESULT", "WHO PASSES", "FROM"],
            [[entry.name.as_str(), if allowed { "allowed" } else { "refused" }, check_of(&entry), source(&entry)]],
        )),
        Format::Json => print(
            &json!({ "rule": entry.name, "allowed": allowed, "check": entry.check, "from": source(&entry) })
                .to_string(),
        ),
    }
    if allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An empty rule means everybody, which an empty cell does not say.
fn check_of(entry: &PolicyEntry) -> &str {
    if entry.check.is_empty() { "@" } else { &entry.check }
}

fn source(entry: &PolicyEntry) -> &'static str {
    if entry.overridden { "file" } else { "default" }
}
