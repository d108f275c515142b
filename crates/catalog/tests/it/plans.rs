//! What a request costs does not depend on how much there is: of every statement that the catalogue sends for
//! one, the plan that Postgres has really followed is looked at, in a catalogue of 500 projects. No statement looks
//! through a table, none reads more rows than its page or, where that is said, than its project has.
//!
//! Postgres plans a prepared statement for the values at hand or for any values, as it sees fit; both must hold.

mod explain;
mod rows;

use std::future::Future;
use std::time::Duration;

use catalog::attachments::{self, NewAttachment};
use catalog::backups::{self, BackupChange, NewBackup, NewImport, Restore, Target};
use catalog::jobs::{JobEnd, Lane};
use catalog::page::{Column, Direction, Filter, Query, Scope, Table};
use catalog::volumes::{Deletion, Source};
use catalog::work::{Verdict, Worker};
use catalog::{
    BackupId, Catalog, MessageId, ProjectId, SnapshotId, UserId, VolumeId, VolumeTypeId, messages, snapshots, volumes,
};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::support::{new_backup, new_snapshot, new_volume, placement, with_database};
use explain::{Plans, SETTINGS};

/// Records in a page.
const LIMIT: u32 = 20;
/// Rows that a page may read of one table or index: its own, one more, and for each a few that belong to it.
const PAGE: u32 = 4 * (LIMIT + 1);
/// Rows that a statement about one record may read.
const FEW: u32 = 30;
/// What a project has at most of one kind, with some room for what is looked up with each row.
const PROJECT: u32 = 2 * rows::BACKUPS;

/// A kind of record: under which keys a page of it costs no more than the page.
struct Kind {
    name: &'static str,
    table: &'static Table,
    /// Keys to sort by, within a project.
    ordered: &'static [&'static str],
    /// Keys to filter by, within a project, in the usual order.
    selected: &'static [&'static str],
    /// The same over all projects; anything else reads every live record, which only administrators can ask for.
    selected_everywhere: &'static [&'static str],
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "backup",
        table: &backups::TABLE,
        ordered: &["created_at", "display_name", "status"],
        selected: &["id", "display_name", "status", "volume_id", "parent_id"],
        selected_everywhere: &["id", "display_name", "status", "volume_id", "parent_id", "project_id"],
    },
    Kind {
        name: "volume",
        table: &volumes::TABLE,
        ordered: &["created_at", "display_name", "status"],
        selected: &["id", "display_name", "status"],
        selected_everywhere: &["id", "project_id"],
    },
    Kind {
        name: "snapshot",
        table: &snapshots::TABLE,
        ordered: &["created_at", "display_name", "status"],
        selected: &["id", "display_name", "status", "volume_id"],
        selected_everywhere: &["id", "project_id", "volume_id"],
    },
    Kind {
        name: "message",
        table: &messages::TABLE,
        ordered: &["created_at"],
        selected: &["id"],
        selected_everywhere: &["id", "project_id"],
    },
];

/// Attachments are found through their volumes: a page of a project's reads its volumes, one of all projects' everything.
const ATTACHMENT: Kind =
    Kind { name: "attachment", table: &attachments::TABLE, ordered: &[], selected: &[], selected_everywhere: &[] };

/// The number of the records that pages begin after, in the middle of their project.
const MIDDLE: i64 = 10_123;
/// The attachment among them, which is live.
const MIDDLE_ATTACHMENT: i64 = 12_123;
/// The backup among them; it is of the volume of that number, and an increment.
const MIDDLE_BACKUP: i64 = 90_123;

/// A catalogue whose statements are looked at.
struct Watched {
    catalog: Catalog,
    sql: PgPool,
    plans: Plans,
    complaints: Vec<String>,
    project: String,
}

impl Watched {
    /// Does this, of which every statement may read so many rows of each large table.
    async fn within<T, E: std::fmt::Debug>(
        &mut self,
        what: &str,
        allowed: u32,
        work: impl Future<Output = Result<T, E>>,
    ) -> T {
        self.plans.take(); // the test's own statements
        let done = work.await.unwrap();
        // a plan is told when its statement is over, which the next one on the connection waits for
        self.catalog.ping().await.unwrap();
        let plans = self.plans.take();
        let plans: Vec<_> = plans.into_iter().filter(|plan| plan.statement != "SELECT 1").collect();
        assert!(!plans.is_empty(), "{what}: no plan was heard of");
        for plan in plans {
            for complaint in plan.complaints(allowed) {
                self.complaints.push(format!("{what}: {complaint}\n  {}\n{}", plan.statement, plan.outline()));
            }
        }
        done
    }

    /// The record of this kind in the middle of the project.
    async fn middle(&self, kind: &str) -> Uuid {
        let number = match kind {
            "backup" => MIDDLE_BACKUP,
            "attachment" => MIDDLE_ATTACHMENT,
            _ => MIDDLE,
        };
        rows::id(&self.sql, kind, number).await
    }

    fn own(&self) -> Scope {
        Scope::Project(ProjectId::from(self.project.as_str()))
    }

    async fn page(&mut self, what: &str, allowed: u32, kind: &Kind, query: &Query) -> usize {
        let catalog = self.catalog.clone();
        macro_rules! page {
            ($list:ident) => {
                self.within(what, allowed, catalog.$list(query)).await.unwrap().rows.len()
            };
        }
        match kind.name {
            "backup" => page!(backups),
            "volume" => page!(volumes),
            "snapshot" => page!(snapshots),
            "attachment" => page!(attachments),
            _ => page!(messages),
        }
    }
}

#[tokio::test]
async fn no_statement_of_a_request_reads_more_than_it_must() {
    // one catalogue for all: filling it takes longer than looking at it
    with_database(async |database| {
        rows::load(&database.sql).await;
        for mode in ["force_custom_plan", "force_generic_plan"] {
            for (setting, value) in SETTINGS.iter().chain([&("plan_cache_mode", mode)]) {
                let name = &database.name;
                let statement = format!("ALTER DATABASE {name} SET {setting} = '{value}'");
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&database.sql).await.unwrap();
            }
            // one connection, so that the next statement is sent on that of the last
            let catalog = Catalog::connect(&database.url, "cindervault tests", 1).await.unwrap();
            let sql = database.sql.clone();
            let project = rows::project(&sql, MIDDLE).await;
            let mut watched = Watched { catalog, sql, plans: Plans::listen(), complaints: Vec::new(), project };
            a_page_of_a_project_costs_a_page_in_the_orders_with_an_index_and_the_project_in_others(&mut watched).await;
            a_page_in_two_directions_costs_no_more_than_the_project(&mut watched).await;
            a_filter_reads_nobody_elses_rows(&mut watched).await;
            a_filter_with_an_index_costs_a_page(&mut watched).await;
            an_administrators_page_of_all_projects_costs_a_page(&mut watched).await;
            a_long_page_looks_each_of_its_backups_up_and_no_others(&mut watched).await;
            one_record_costs_a_few_rows(&mut watched).await;
            what_counts_a_project_reads_the_project(&mut watched).await;
            what_a_request_begins_reads_its_records_and_counts_its_project(&mut watched).await;
            the_queue_is_read_from_its_head(&mut watched).await;
            assert!(watched.complaints.is_empty(), "{mode}\n{}", watched.complaints.join("\n"));
            watched.catalog.close().await;
        }
    })
    .await;
}

fn sorted(scope: Scope, column: &'static Column, direction: Direction, marker: Option<Uuid>) -> Query {
    Query { sort: vec![(column, direction)], marker, ..Query::newest(scope, LIMIT) }
}

async fn a_page_of_a_project_costs_a_page_in_the_orders_with_an_index_and_the_project_in_others(watched: &mut Watched) {
    for kind in KINDS.iter().chain([&ATTACHMENT]) {
        let middle = watched.middle(kind.name).await;
        for column in kind.table.columns {
            let allowed = if kind.ordered.contains(&column.key) { PAGE } else { PROJECT };
            for direction in [Direction::Ascending, Direction::Descending] {
                for marker in [None, Some(middle)] {
                    let query = sorted(watched.own(), column, direction, marker);
                    let what = format!("{}s by {} {direction:?} after {marker:?}", kind.name, column.key);
                    let found = watched.page(&what, allowed, kind, &query).await;
                    assert!(found > 0 || marker.is_some(), "{what}: nothing");
                }
            }
        }
    }
}

async fn a_page_in_two_directions_costs_no_more_than_the_project(watched: &mut Watched) {
    for kind in &KINDS {
        let marker = Some(watched.middle(kind.name).await);
        let column = |key| kind.table.column(key).unwrap();
        for first in kind.ordered {
            let mut query = sorted(watched.own(), column(first), Direction::Ascending, marker);
            query.sort.push((column("id"), Direction::Descending));
            watched.page(&format!("{}s by {first}, then by id the other way", kind.name), PROJECT, kind, &query).await;
        }
    }
}

/// A value that the record in the middle has.
async fn value_of_middle(watched: &Watched, kind: &Kind, column: &Column) -> Option<String> {
    let id = kind.table.column("id").unwrap();
    let statement = format!("SELECT ({})::text FROM {} WHERE {} = $1", column.sql, kind.table.from, id.sql);
    let middle = watched.middle(kind.name).await;
    sqlx::query_scalar(AssertSqlSafe(statement)).bind(middle).fetch_one(&watched.sql).await.unwrap()
}

async fn a_filter_reads_nobody_elses_rows(watched: &mut Watched) {
    for kind in KINDS.iter().chain([&ATTACHMENT]) {
        for column in kind.table.columns {
            let value = value_of_middle(watched, kind, column).await.unwrap_or_else(|| "none".to_owned());
            let allowed = if kind.selected.contains(&column.key) { PAGE } else { PROJECT };
            let is = Filter::Is(column, value.clone());
            for (filter, allowed) in [(is, allowed), (Filter::Contains(column, value), PROJECT)] {
                let what = format!("{}s with {filter:?}", kind.name);
                let query = Query { filters: vec![filter], count: true, ..Query::newest(watched.own(), LIMIT) };
                // the count of what matches looks at all that match
                let allowed = allowed.max(PROJECT);
                watched.page(&what, allowed, kind, &query).await;
                let query = Query { count: false, ..query };
                watched.page(&what, allowed, kind, &query).await;
            }
        }
    }
    let metadata = [("tier".to_owned(), "0".into())].into_iter().collect();
    let filters = vec![Filter::HasMetadata("v.metadata", metadata)];
    let query = Query { filters, ..Query::newest(watched.own(), LIMIT) };
    watched.page("volumes by metadata", PROJECT, &KINDS[1], &query).await;
}

async fn a_filter_with_an_index_costs_a_page(watched: &mut Watched) {
    for kind in &KINDS {
        for key in kind.selected {
            let column = kind.table.column(key).unwrap();
            let Some(value) = value_of_middle(watched, kind, column).await else {
                panic!("{} {key}: the record in the middle has none", kind.name)
            };
            for marker in [None, Some(watched.middle(kind.name).await)] {
                let filters = vec![Filter::Is(column, value.clone())];
                let query = Query { filters, marker, ..Query::newest(watched.own(), LIMIT) };
                watched.page(&format!("{}s with {key}={value}", kind.name), PAGE, kind, &query).await;
            }
        }
    }
}

async fn an_administrators_page_of_all_projects_costs_a_page(watched: &mut Watched) {
    for kind in &KINDS {
        let middle = watched.middle(kind.name).await;
        for marker in [None, Some(middle)] {
            for (key, direction) in [
                ("created_at", Direction::Ascending),
                ("created_at", Direction::Descending),
                ("id", Direction::Ascending),
                ("id", Direction::Descending),
            ] {
                let query = sorted(Scope::Every, kind.table.column(key).unwrap(), direction, marker);
                let what = format!("all {}s by {key} {direction:?} after {marker:?}", kind.name);
                let found = watched.page(&what, PAGE, kind, &query).await;
                assert_eq!(found, LIMIT as usize, "{what}");
            }
        }
        for key in kind.selected_everywhere {
            let column = kind.table.column(key).unwrap();
            let value = value_of_middle(watched, kind, column).await.unwrap();
            let filters = vec![Filter::Is(column, value.clone())];
            let query = Query { filters, ..Query::newest(Scope::Every, LIMIT) };
            watched.page(&format!("all {}s with {key}={value}", kind.name), PAGE, kind, &query).await;
        }
    }
}

async fn a_long_page_looks_each_of_its_backups_up_and_no_others(watched: &mut Watched) {
    let query = Query::newest(Scope::Every, 1000);
    let found = watched.page("a thousand of all backups", 4 * 1001, &KINDS[0], &query).await;
    assert_eq!(found, 1000);
}

async fn one_record_costs_a_few_rows(watched: &mut Watched) {
    let catalog = watched.catalog.clone();
    let backup = BackupId(watched.middle("backup").await);
    let volume = VolumeId(watched.middle("volume").await);
    let snapshot = SnapshotId(watched.middle("snapshot").await);
    let message = MessageId(watched.middle("message").await);
    let attachment = watched.middle("attachment").await;
    for scope in [watched.own(), Scope::Every] {
        assert!(watched.within("a backup", FEW, catalog.backup(backup, &scope)).await.is_some());
        assert!(watched.within("a volume", FEW, catalog.volume(volume, &scope)).await.is_some());
        assert!(watched.within("a snapshot", FEW, catalog.snapshot(snapshot, &scope)).await.is_some());
        assert!(watched.within("a message", FEW, catalog.message(message, &scope)).await.is_some());
        assert!(watched.within("an attachment", FEW, catalog.attachment(attachment, &scope)).await.is_some());
    }
    watched.within("a record's dependents", FEW, catalog.count_dependents(backup)).await;
    let change = BackupChange { name: Some(Some("new".to_owned())), ..BackupChange::default() };
    assert!(watched.within("a backup's name", FEW, catalog.update_backup(backup, &watched.own(), &change)).await);
    assert!(watched.within("a message's end", FEW, catalog.delete_message(message, &watched.own())).await);
    rows::restore_message(&watched.sql, MIDDLE).await;
}

async fn what_counts_a_project_reads_the_project(watched: &mut Watched) {
    let catalog = watched.catalog.clone();
    let project = ProjectId::from(watched.project.as_str());
    let limits = watched.within("limits", PROJECT, catalog.quotas(&project, &Scope::Project(project.clone()))).await;
    assert!(limits.iter().any(|limit| limit.in_use >= i64::from(rows::BACKUPS)));
    let summary = watched.within("the volumes' summary", PROJECT, catalog.volume_summary(&watched.own())).await;
    assert!(summary.count >= i64::from(rows::VOLUMES));
}

async fn what_a_request_begins_reads_its_records_and_counts_its_project(watched: &mut Watched) {
    let catalog = watched.catalog.clone();
    catalog.heartbeat("cinder-backup", "node", "nova").await.unwrap();
    rows::no_quota(&watched.sql, &watched.project).await;
    let (own, project) = (watched.own(), ProjectId::from(watched.project.as_str()));
    let (user, place) = (UserId::from("alice"), placement());
    let volume = VolumeId(watched.middle("volume").await);
    rows::make_available(&watched.sql, volume.0).await;

    let new = NewAttachment { volume, instance_uuid: Some(Uuid::new_v4()), mode: None, connector: None };
    let reserved = watched.within("an attachment", FEW, catalog.create_attachment(&new, &own)).await.unwrap();
    assert!(watched.within("its completion", FEW, catalog.complete_attachment(reserved.id, &own)).await);
    let left = watched.within("its end", FEW, catalog.delete_attachment(reserved.id, &own)).await.unwrap();
    assert!(left.is_empty());

    let new = NewBackup { project: project.clone(), incremental: true, force: true, ..new_backup(volume) };
    let made = watched.within("a create", PROJECT, catalog.create_backup(&new, &own, None)).await.unwrap();
    let worker = Worker { host: "node".to_owned(), zone: "nova".to_owned(), service: "driver".to_owned() };
    let begun = catalog.begin_backup(made.id, true, "backups", &worker);
    let begun = watched.within("its begin by a worker", FEW * 2, begun).await.unwrap();
    assert!(!begun.parents.is_empty() && !begun.places.is_empty());
    watched.within("a cancel", FEW, catalog.cancel_backup(made.id, &own, "user eve")).await.unwrap();
    assert!(!watched.within("a cancel's end", FEW, catalog.is_being_cancelled(made.id)).await);
    let reset = catalog.reset_backup(made.id, &own, backups::Status::Available);
    watched.within("a reset", FEW, reset).await.unwrap();
    watched.within("a verification", FEW, catalog.verify_backup(made.id, &own, None)).await.unwrap();
    let work = watched.within("its begin", FEW, catalog.begin_verify(made.id)).await.unwrap();
    let others =
        watched.within("what proves its pool", 500 + FEW, catalog.witnesses(&work, "backups", "backups")).await;
    assert_eq!(others.len(), 8);
    let began = work.began;
    assert_eq!(watched.within("its progress", FEW, catalog.backup_jobs(made.id, 10)).await.len(), 2);
    assert!(watched.within("a lookup of its result", FEW, catalog.verification(made.id)).await.is_some());
    assert_eq!(watched.within("a volume's backups", FEW, catalog.siblings(made.volume_id)).await.len(), 1);
    let damaged = catalog.finish_verify(None, made.id, began, Verdict::Damaged("rot"), &[]);
    assert!(watched.within("damage", FEW * 2, damaged).await);
    watched.within("a delete", FEW, catalog.delete_backup(made.id, &own, None)).await.unwrap();
    let import = NewImport {
        id: BackupId::random(),
        parent: Some(BackupId::random()),
        size_gib: 1,
        service: "driver".to_owned(),
        record: serde_json::json!({}),
        project: project.clone(),
        user: user.clone(),
    };
    watched.within("an import", PROJECT, catalog.import_backup(&import, None)).await.unwrap();
    let backup = BackupId(watched.middle("backup").await);
    let reset = catalog.reset_backup(backup, &own, backups::Status::Available);
    watched.within("a second reset", FEW, reset).await.unwrap();
    let restore = Restore { backup, target: Target::New(None), project: project.clone(), user };
    let restore = catalog.restore_backup(&restore, &own, &place, None);
    watched.within("a restore", PROJECT, restore).await.unwrap();

    let new = catalog::volumes::NewVolume { project: project.clone(), ..new_volume(1) };
    let create = catalog.create_volume(&new, Source::Empty, &own, &place, None);
    let made = watched.within("a new volume", PROJECT, create).await.unwrap();
    rows::make_available(&watched.sql, made.id.0).await;
    let new = catalog::snapshots::NewSnapshot { project, ..new_snapshot(made.id) };
    let snapshot = catalog.create_snapshot(&new, &own, None);
    let snapshot = watched.within("a new snapshot", PROJECT, snapshot).await.unwrap();
    let extend = catalog.extend_volume(made.id, &own, 2, false, None);
    watched.within("an extend", PROJECT, extend).await.unwrap();
    watched.within("a snapshot's end", FEW, catalog.delete_snapshot(snapshot.id, &own, true, None)).await.unwrap();
    let how = Deletion { cascade: true, force: true };
    watched.within("a volume's end", FEW, catalog.delete_volume(made.id, &own, how, None)).await.unwrap();
    // a type of which there are no volumes
    let unused = VolumeTypeId(rows::unused_type(&watched.sql).await);
    watched.within("a type's end", FEW, catalog.delete_volume_type(unused)).await.unwrap();
}

async fn the_queue_is_read_from_its_head(watched: &mut Watched) {
    let catalog = watched.catalog.clone();
    let lease = Duration::from_mins(1);
    let claim = catalog.claim_job("w", "node", Lane::Copy, lease);
    let job = watched.within("a claim", FEW, claim).await.unwrap();
    let other = watched.within("a second claim", FEW, catalog.claim_job("w", "node", Lane::Copy, lease)).await;
    assert_ne!(other.unwrap().id, job.id);
    // twenty thousand copies wait, and nothing else
    rows::only_copies_wait(&watched.sql).await;
    let claim = catalog.claim_job("w", "node", Lane::Light, lease);
    assert!(watched.within("a claim beside a long queue", FEW, claim).await.is_none());
    watched.within("a lease", FEW, catalog.renew_job(&job, lease)).await;
    watched.within("progress", FEW, catalog.record_progress(&job, 1, 1, 1)).await;
    watched.within("what is cancelled", FEW, catalog.cancelled_jobs(&[job.id])).await;
    watched.within("why it is cancelled", FEW, catalog.why_cancelled(&job)).await;
    watched.within("a job's end", FEW, catalog.end_job(&job, JobEnd::Done)).await;
    let due = watched.within("what is to be read", FEW, catalog.enqueue_scrubs(Duration::ZERO, 4)).await;
    assert_eq!(due, 4);
    for (lane, what) in [(Lane::Scrub, "a scrub"), (Lane::Verify, "a verification")] {
        let claim = catalog.claim_job("w", "node", lane, lease);
        assert_eq!(watched.within(what, FEW, claim).await.is_some(), lane == Lane::Scrub);
    }
    let more =
        watched.within("what is to be read while some wait", FEW, catalog.enqueue_scrubs(Duration::ZERO, 4)).await;
    assert_eq!(more, 1);
    catalog.heartbeat("cinder-backup", "node", "nova").await.unwrap();
    let waited = catalog.fail_unclaimed_creates(Duration::from_hours(24));
    assert_eq!(watched.within("what nobody takes", 4 * 1000, waited).await, 0);
    watched.within("old jobs", 1000 * 4, catalog.reap_jobs(Duration::ZERO)).await;
    watched.within("old messages", FEW, catalog.reap_messages()).await;
}
