//! What Postgres did for each statement that it was sent: its plans, with the rows that were really read.
//!
//! Nothing is a copy of the catalogue's SQL: `auto_explain` in the server sends the plan of every statement
//! back as a notice of the session, and sqlx hands notices to `tracing`, where they are picked up.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The tables that grow with the number of users. The others hold a few rows, which may be looked through
/// (`job_locks` those of the jobs that run).
const LARGE: [&str; 6] = ["attachments", "backups", "jobs", "messages", "snapshots", "volumes"];

/// Settings of a database whose sessions are to tell their plans.
pub(super) const SETTINGS: [(&str, &str); 8] = [
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_buffers", "on"),
    ("auto_explain.log_timing", "off"),
    ("auto_explain.log_format", "json"),
    ("auto_explain.log_level", "notice"),
    ("jit", "off"),
];

/// Picks up the plans of the statements that this thread sends.
pub(super) struct Plans {
    heard: Arc<Mutex<Vec<String>>>,
    _listening: DefaultGuard,
}

impl Plans {
    pub(super) fn listen() -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(Listener(Arc::clone(&heard)));
        Self { heard, _listening: tracing::subscriber::set_default(subscriber) }
    }

    /// The plans since the last time.
    pub(super) fn take(&self) -> Vec<Plan> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        heard.iter().filter_map(|notice| Plan::of_notice(notice)).collect()
    }
}

struct Listener(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::postgres::notice" {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(message.0);
        }
    }
}

struct Message(String);

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// One statement as Postgres has executed it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) statement: String,
    root: Value,
}

impl Plan {
    /// Reads `duration: 0.1 ms  plan:\n{…}`; `None` for any other notice.
    fn of_notice(notice: &str) -> Option<Self> {
        let (_, json) = notice.split_once("plan:\n")?;
        Self::of_json(json)
    }

    pub(super) fn of_json(json: &str) -> Option<Self> {
        let mut explained: Value = serde_json::from_str(json).ok()?;
        let statement = explained["Query Text"].as_str()?.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Self { statement, root: explained["Plan"].take() })
    }

    /// What is wrong with it, if the statement may look at so many rows of the large tables.
    pub(super) fn complaints(&self, allowed: u32) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut read = BTreeMap::new();
        visit(&self.root, &mut |node| {
            let times = number(node, "Actual Loops");
            let table = node["Relation Name"].as_str().unwrap_or_default();
            if node["Node Type"] == "Seq Scan" && times > 0.0 && LARGE.contains(&table) {
                complaints.push(format!("{table} is looked through from end to end"));
            }
            // what an index or a table gave, and what was thrown away of it
            if LARGE.contains(&table) || node["Node Type"] == "Bitmap Index Scan" {
                let rows = number(node, "Actual Rows")
                    + number(node, "Rows Removed by Filter")
                    + number(node, "Rows Removed by Index Recheck");
                let of = node["Index Name"].as_str().unwrap_or(table).to_owned();
                *read.entry(of).or_insert(0.0) += rows * times;
            }
        });
        for (of, rows) in &read {
            if *rows > f64::from(allowed) {
                complaints.push(format!("{rows} rows are read through {of}, of at most {allowed}"));
            }
        }
        // an index may be walked without a row being thrown away: its pages tell
        let pages = number(&self.root, "Shared Hit Blocks") + number(&self.root, "Shared Read Blocks");
        let allowed_pages = 200 + 10 * allowed;
        if pages > f64::from(allowed_pages) {
            complaints.push(format!("{pages} pages are read, of at most {allowed_pages}"));
        }
        complaints
    }

    /// The plan in short, a line for each node.
    pub(super) fn outline(&self) -> String {
        let mut outline = String::new();
        visit(&self.root, &mut |node| {
            let word = |key: &str| node[key].as_str().unwrap_or_default();
            let (rows, loops) = (number(node, "Actual Rows"), number(node, "Actual Loops"));
            let (kind, table, index) = (word("Node Type"), word("Relation Name"), word("Index Name"));
            let (condition, filter) = (word("Index Cond"), word("Filter"));
            _ = writeln!(outline, "    {kind} {table} {index} {rows}x{loops} [{condition}] [{filter}]");
        });
        outline
    }
}

/// Later releases of Postgres tell the rows of an average loop with decimals.
fn number(node: &Value, key: &str) -> f64 {
    node[key].as_f64().unwrap_or_default()
}

fn visit(node: &Value, see: &mut impl FnMut(&Value)) {
    see(node);
    for child in node["Plans"].as_array().into_iter().flatten() {
        visit(child, see);
    }
}

#[test]
fn a_scan_a_walk_and_too_many_rows_are_complained_about() {
    let plan = |node: &str| {
        Plan::of_notice(&format!(
            r#"duration: 1.0 ms  plan:
            {{"Query Text": "SELECT", "Plan": {{"Node Type": "Limit", "Actual Rows": 1, "Actual Loops": 1,
              "Shared Hit Blocks": 5, "Plans": [{node}]}}}}"#
        ))
        .unwrap()
    };
    let fine = r#"{"Node Type": "Index Scan", "Relation Name": "backups", "Index Name": "i", "Actual Rows": 21,
                   "Actual Loops": 1}"#;
    assert_eq!(plan(fine).complaints(21), Vec::<String>::new());
    assert_eq!(plan(fine).complaints(20), ["21 rows are read through i, of at most 20"]);
    let filtered = fine.replace("\"Actual Rows\": 21", "\"Actual Rows\": 1, \"Rows Removed by Filter\": 900");
    assert_eq!(plan(&filtered).complaints(21), ["901 rows are read through i, of at most 21"]);
    let repeated = fine.replace("\"Actual Loops\": 1", "\"Actual Loops\": 3");
    assert_eq!(plan(&repeated).complaints(21), ["63 rows are read through i, of at most 21"]);
    let bitmap = fine.replace("Index Scan", "Bitmap Index Scan").replace("\"Relation Name\": \"backups\",", "");
    assert_eq!(plan(&bitmap).complaints(20), ["21 rows are read through i, of at most 20"]);
    let scan = r#"{"Node Type": "Seq Scan", "Relation Name": "volumes", "Actual Rows": 1, "Actual Loops": 1}"#;
    assert_eq!(plan(scan).complaints(21), ["volumes is looked through from end to end"]);
    assert_eq!(plan(&scan.replace("volumes", "volume_types")).complaints(0), Vec::<String>::new());
    let never = scan.replace("\"Actual Loops\": 1", "\"Actual Loops\": 0");
    assert_eq!(plan(&never).complaints(21), Vec::<String>::new());
    let pages = Plan::of_json(
        r#"{"Query Text": "SELECT", "Plan": {"Node Type": "Index Only Scan", "Relation Name": "backups",
            "Index Name": "i", "Actual Rows": 1, "Actual Loops": 1, "Shared Hit Blocks": 300, "Shared Read Blocks": 111}}"#,
    );
    assert_eq!(pages.unwrap().complaints(21), ["411 pages are read, of at most 410"]);
}
