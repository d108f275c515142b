//! A database of its own for every test, and rows to begin with.

use std::env;

use catalog::backups::NewBackup;
use catalog::jobs::JobSpec;
use catalog::page::Scope;
use catalog::snapshots::{NewSnapshot, Snapshot};
use catalog::types::Capabilities;
use catalog::volumes::{NewVolume, Placement, Source, VolumeView};
use catalog::{Catalog, Metadata, ProjectId, SnapshotId, UserId, VolumeId};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use uuid::Uuid;

/// A migrated database that is dropped when the test's closure is through.
pub(crate) struct Database {
    pub(crate) catalog: Catalog,
    /// For looking at rows, and for putting them into states that only a worker makes.
    pub(crate) sql: PgPool,
    pub(crate) name: String,
    pub(crate) url: String,
}

/// Runs a test on a fresh database.
pub(crate) async fn with_database(test: impl AsyncFnOnce(&Database)) {
    let server = env::var("CINDERVAULT_TEST_DATABASE_URL")
        .expect("CINDERVAULT_TEST_DATABASE_URL names the Postgres server for the tests");
    let name = format!("cindervault_test_{}", Uuid::new_v4().simple());
    let mut admin = PgConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    let (base, _) = server.rsplit_once('/').expect("the URL ends with a database's name");
    let url = format!("{base}/{name}");
    let catalog = Catalog::connect(&url, "cindervault tests", 10).await.unwrap();
    catalog.migrate().await.unwrap();
    let sql = PgPool::connect(&url).await.unwrap();
    let database = Database { catalog, sql, name: name.clone(), url };
    test(&database).await;
    database.catalog.close().await;
    database.sql.close().await;
    sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name}"))).execute(&mut admin).await.unwrap();
}

/// The project that most tests act for.
pub(crate) fn project() -> ProjectId {
    ProjectId::from("0123456789abcdef0123456789abcdef")
}

/// What that project sees.
pub(crate) fn scope() -> Scope {
    Scope::Project(project())
}

/// Where the volumes of the tests go.
pub(crate) fn placement() -> Placement {
    Placement { host: "lab@rbd#volumes".to_owned(), zone: "nova".to_owned(), capabilities: Capabilities::new() }
}

/// A request for an empty volume.
pub(crate) fn new_volume(size_gib: i32) -> NewVolume {
    NewVolume {
        project: project(),
        user: UserId::from("alice"),
        name: Some("v".to_owned()),
        description: None,
        size_gib: Some(size_gib),
        volume_type: None,
        availability_zone: None,
        metadata: Metadata::new(),
        private_types: false,
    }
}

/// A request for a full backup.
pub(crate) fn new_backup(volume: VolumeId) -> NewBackup {
    NewBackup {
        project: project(),
        user: UserId::from("alice"),
        volume,
        snapshot: None,
        name: None,
        description: None,
        container: None,
        availability_zone: None,
        metadata: Metadata::new(),
        incremental: false,
        force: false,
    }
}

/// A request for a snapshot.
pub(crate) fn new_snapshot(volume: VolumeId) -> NewSnapshot {
    NewSnapshot {
        volume,
        project: project(),
        user: UserId::from("alice"),
        name: Some("s".to_owned()),
        description: None,
        metadata: Metadata::new(),
        in_use: false,
    }
}

impl Database {
    /// A volume as a request makes it: `creating`.
    pub(crate) async fn creating_volume(&self, size_gib: i32) -> VolumeView {
        let new = new_volume(size_gib);
        self.catalog.create_volume(&new, Source::Empty, &scope(), &placement(), None).await.unwrap().unwrap()
    }

    /// A volume as a worker leaves it: `available`, its job done.
    pub(crate) async fn available_volume(&self, size_gib: i32) -> VolumeId {
        let id = self.creating_volume(size_gib).await.id;
        self.set_volume_status(id, "available").await;
        self.finish_jobs().await;
        id
    }

    /// A snapshot as a worker leaves it: `available`, its job done.
    pub(crate) async fn available_snapshot(&self, volume: VolumeId) -> SnapshotId {
        let made: Snapshot =
            self.catalog.create_snapshot(&new_snapshot(volume), &scope(), None).await.unwrap().unwrap();
        self.set_snapshot_status(made.id, "available").await;
        sqlx::query("UPDATE snapshots SET progress = '100%' WHERE id = $1")
            .bind(made.id)
            .execute(&self.sql)
            .await
            .unwrap();
        self.finish_jobs().await;
        made.id
    }

    pub(crate) async fn set_volume_status(&self, id: VolumeId, status: &str) {
        sqlx::query("UPDATE volumes SET status = $2 WHERE id = $1")
            .bind(id)
            .bind(status)
            .execute(&self.sql)
            .await
            .unwrap();
    }

    pub(crate) async fn set_snapshot_status(&self, id: SnapshotId, status: &str) {
        sqlx::query("UPDATE snapshots SET status = $2 WHERE id = $1")
            .bind(id)
            .bind(status)
            .execute(&self.sql)
            .await
            .unwrap();
    }

    /// Takes every job out of the queue, as if a worker had done it.
    pub(crate) async fn finish_jobs(&self) {
        sqlx::query("UPDATE jobs SET state = 'done' WHERE state = 'ready'").execute(&self.sql).await.unwrap();
    }

    /// What waits in the queue, oldest first.
    pub(crate) async fn queued(&self) -> Vec<JobSpec> {
        let specs: Vec<Json<JobSpec>> =
            sqlx::query_scalar("SELECT spec FROM jobs WHERE state = 'ready' ORDER BY created_at")
                .fetch_all(&self.sql)
                .await
                .unwrap();
        specs.into_iter().map(|spec| spec.0).collect()
    }
}
