//! Cancelling what is being done with a backup.

use std::time::Duration;

use catalog::backups::{CancelRejected, ForceDeleteRejected, Restore, Status, Target};
use catalog::jobs::{Announced, JobSpec, Lane};
use catalog::messages::Detail;
use catalog::services::BACKUP_BINARY;
use catalog::work::{BackupOutcome, Worker};
use catalog::{BackupId, VolumeId};

use crate::support::{Database, new_backup, placement, project, scope, with_database};

const LEASE: Duration = Duration::from_mins(1);

async fn asked_for(database: &Database) -> (BackupId, VolumeId) {
    let volume = database.available_volume(1).await;
    let made = database.catalog.create_backup(&new_backup(volume), &scope(), None).await.unwrap().unwrap();
    (made.id, volume)
}

/// Status and reason of a backup, status of a volume, states of the backup's jobs.
async fn seen(
    database: &Database,
    backup: BackupId,
    volume: VolumeId,
) -> (String, Option<String>, String, Vec<String>) {
    let (status, reason): (String, Option<String>) =
        sqlx::query_as("SELECT status, fail_reason FROM backups WHERE id = $1")
            .bind(backup)
            .fetch_one(&database.sql)
            .await
            .unwrap();
    let volume: String = sqlx::query_scalar("SELECT status FROM volumes WHERE id = $1")
        .bind(volume)
        .fetch_one(&database.sql)
        .await
        .unwrap();
    let jobs = sqlx::query_scalar("SELECT kind || ' ' || state FROM jobs WHERE target_id = $1 ORDER BY created_at")
        .bind(backup)
        .fetch_all(&database.sql)
        .await
        .unwrap();
    (status, reason, volume, jobs)
}

async fn told(database: &Database, backup: BackupId) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT action_id || '_' || detail_id FROM messages WHERE resource_uuid = $1 ORDER BY created_at",
    )
    .bind(backup)
    .fetch_all(&database.sql)
    .await
    .unwrap()
}

fn texts(status: &str, reason: &str, volume: &str, jobs: &[&str]) -> (String, Option<String>, String, Vec<String>) {
    let jobs = jobs.iter().map(|&job| job.to_owned()).collect();
    (status.to_owned(), Some(reason.to_owned()), volume.to_owned(), jobs)
}

#[tokio::test]
async fn a_create_that_only_waits_ends_at_once() {
    with_database(async |database| {
        let (id, volume) = asked_for(database).await;
        database.catalog.cancel_backup(id, &scope(), "user eve").await.unwrap().unwrap();
        let expected = texts("error", "cancelled by user eve", "available", &["backup_create failed"]);
        assert_eq!(seen(database, id, volume).await, expected);
        assert_eq!(told(database, id).await, ["013_901"]);
        let again = database.catalog.cancel_backup(id, &scope(), "user eve").await.unwrap();
        assert_eq!(again, Err(CancelRejected::Status(Status::Error)));
        let unknown = BackupId::random();
        let none = database.catalog.cancel_backup(unknown, &scope(), "user eve").await.unwrap();
        assert_eq!(none, Err(CancelRejected::NoSuchBackup(unknown)));
    })
    .await;
}

#[tokio::test]
async fn a_create_that_runs_is_told_at_once_and_at_its_next_step_and_is_not_recorded_as_done() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, volume) = asked_for(database).await;
        let job = catalog.claim_job("one", "lab", Lane::Copy, LEASE).await.unwrap().unwrap();
        let worker = Worker { host: "lab".to_owned(), zone: "nova".to_owned(), service: "ceph".to_owned() };
        catalog.begin_backup(id, false, "backups", &worker).await.unwrap().unwrap();
        assert!(!job.cancel && !catalog.record_step(&job, "plan").await.unwrap());
        assert!(catalog.cancelled_jobs(&[job.id]).await.unwrap().is_empty());
        let mut listener = catalog.job_listener().await.unwrap();

        catalog.cancel_backup(id, &scope(), "user eve").await.unwrap().unwrap();
        let heard = tokio::time::timeout(Duration::from_secs(10), listener.wait()).await.expect("an announcement");
        assert_eq!(heard.unwrap(), Announced::Cancel);
        drop(listener);
        assert_eq!(catalog.cancelled_jobs(&[job.id]).await.unwrap(), [job.id]);
        assert!(catalog.record_step(&job, "copy").await.unwrap());
        let outcome = BackupOutcome { base: "b".to_owned(), ..BackupOutcome::default() };
        assert!(!catalog.finish_backup(&job, id, &outcome, false).await.unwrap(), "it was answered: cancelled");

        // whoever takes it over knows
        catalog.release_job(&job, Duration::ZERO, true, "drained").await.unwrap();
        let job = catalog.claim_job("two", "lab", Lane::Copy, LEASE).await.unwrap().unwrap();
        assert!(job.cancel);
        let why = catalog.why_cancelled(&job).await.unwrap().unwrap();
        catalog.fail_backup(&job, id, Detail::Cancelled, &why).await.unwrap();
        let expected = texts("error", "cancelled by user eve", "available", &["backup_create failed"]);
        assert_eq!(seen(database, id, volume).await, expected);
    })
    .await;
}

#[tokio::test]
async fn a_restore_that_only_waits_leaves_the_backup_available_and_says_so_of_the_volume() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, _) = asked_for(database).await;
        sqlx::query("UPDATE backups SET status = 'available'").execute(&database.sql).await.unwrap();
        database.finish_jobs().await;
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        let target = database.available_volume(1).await;
        let restore = Restore { backup: id, target: Target::Volume(target), project: project(), user: "alice".into() };
        catalog.restore_backup(&restore, &scope(), &placement(), None).await.unwrap().unwrap();
        catalog.cancel_backup(id, &scope(), "user eve").await.unwrap().unwrap();
        let (status, _, volume, jobs) = seen(database, id, target).await;
        assert_eq!((status.as_str(), volume.as_str()), ("available", "error_restoring"));
        assert_eq!(jobs, ["backup_create done", "backup_restore failed"]);
        assert_eq!(told(database, id).await, ["015_901"]);
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_is_being_made_can_be_deleted_by_force_and_no_other() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, volume) = asked_for(database).await;
        let refused = catalog.force_delete_backup(id, &scope(), "user root", None).await.unwrap();
        assert_eq!(refused, Err(ForceDeleteRejected::NoService));
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        catalog.force_delete_backup(id, &scope(), "user root", None).await.unwrap().unwrap();
        let (status, _, volume, jobs) = seen(database, id, volume).await;
        assert_eq!((status.as_str(), volume.as_str()), ("deleting", "available"));
        assert_eq!(jobs, ["backup_create failed", "backup_delete ready"]);
        assert!(matches!(database.queued().await[..], [JobSpec::BackupDelete { backup, .. }] if backup == id));
        let refused = catalog.force_delete_backup(id, &scope(), "user root", None).await.unwrap();
        assert_eq!(refused, Err(ForceDeleteRejected::Status(Status::Deleting)));
    })
    .await;
}
