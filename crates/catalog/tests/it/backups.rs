//! What a worker records of backups, also when an answer was lost or the row was changed meanwhile.

use std::time::Duration;

use catalog::backups::{NewBackup, Status};
use catalog::jobs::{Job, JobSpec, Lane};
use catalog::messages::Detail;
use catalog::services::BACKUP_BINARY;
use catalog::work::{BackupOutcome, Worker};
use catalog::{BackupId, Error, VolumeId};

use crate::support::{Database, new_backup, project, scope, with_database};

const LEASE: Duration = Duration::from_mins(1);

/// A backup that a worker has begun, with its job.
async fn begun(database: &Database) -> (BackupId, Job, VolumeId) {
    let volume = database.available_volume(1).await;
    let (id, job) = begun_of(database, volume, false).await;
    (id, job, volume)
}

async fn begun_of(database: &Database, volume: VolumeId, incremental: bool) -> (BackupId, Job) {
    let catalog = &database.catalog;
    let new = NewBackup { incremental, ..new_backup(volume) };
    let id = catalog.create_backup(&new, &scope(), None).await.unwrap().unwrap().backup.id;
    let job = catalog.claim_job("one", "lab", Lane::Copy, LEASE).await.unwrap().unwrap();
    let worker = Worker { host: "lab".to_owned(), zone: "nova".to_owned(), service: "ceph".to_owned() };
    assert!(catalog.begin_backup(id, incremental, "backups", &worker).await.unwrap().is_some());
    (id, job)
}

fn outcome(volume: VolumeId, id: BackupId, parent: Option<BackupId>) -> BackupOutcome {
    let base = format!("volume-{volume}.backup.{}", parent.unwrap_or(id));
    BackupOutcome { base, parent, ..BackupOutcome::default() }
}

async fn status(database: &Database, id: BackupId) -> String {
    sqlx::query_scalar("SELECT status FROM backups WHERE id = $1").bind(id).fetch_one(&database.sql).await.unwrap()
}

async fn reset(database: &Database, id: BackupId, status: &str) {
    sqlx::query("UPDATE backups SET status = $2 WHERE id = $1")
        .bind(id)
        .bind(status)
        .execute(&database.sql)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_outcome_is_recorded_once_also_when_its_answer_was_lost() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (full, job, volume) = begun(database).await;
        assert!(catalog.finish_backup(&job, full, &outcome(volume, full, None), false).await.unwrap());
        let (id, job) = begun_of(database, volume, true).await;
        for call in ["the one whose answer was lost", "the repeated one"] {
            let recorded = catalog.finish_backup(&job, id, &outcome(volume, id, None), true).await.unwrap();
            assert!(recorded, "{call}: it must not be taken for somebody else's change, and undone");
            assert_eq!(status(database, id).await, "available");
        }
        let told: i64 = sqlx::query_scalar("SELECT count(*) FROM messages").fetch_one(&database.sql).await.unwrap();
        assert_eq!(told, 1, "the user is told once that the increment became a full backup");
    })
    .await;
}

#[tokio::test]
async fn it_is_remembered_which_backups_have_checksums_and_suspects_are_verified_once() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (full, job, volume) = begun(database).await;
        let made = BackupOutcome { checksums: true, ..outcome(volume, full, None) };
        assert!(catalog.finish_backup(&job, full, &made, false).await.unwrap());
        for _ in 0..2 {
            let (id, job) = begun_of(database, volume, false).await;
            let made = BackupOutcome { suspects: vec![full], ..outcome(volume, id, None) };
            assert!(catalog.finish_backup(&job, id, &made, false).await.unwrap());
            assert!(!catalog.begin_verify(id).await.unwrap().unwrap().backup.checksums);
        }
        assert!(catalog.begin_verify(full).await.unwrap().unwrap().backup.checksums);
        let asked: Vec<BackupId> = sqlx::query_scalar("SELECT target_id FROM jobs WHERE kind = 'backup_verify'")
            .fetch_all(&database.sql)
            .await
            .unwrap();
        assert_eq!(asked, [full]);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_lost_the_job_records_nothing() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, job, volume) = begun(database).await;
        sqlx::query("UPDATE jobs SET lease_until = now() - interval '1 s'").execute(&database.sql).await.unwrap();
        let taken = catalog.claim_job("two", "lab", Lane::Copy, LEASE).await.unwrap().unwrap();
        assert_eq!(taken.attempt, 2);
        let late = catalog.finish_backup(&job, id, &outcome(volume, id, None), false).await;
        assert!(matches!(late, Err(Error::Stale { .. })), "{late:?}");
        assert_eq!(status(database, id).await, "creating");
        assert!(catalog.finish_backup(&taken, id, &outcome(volume, id, None), false).await.unwrap());
        assert_eq!(status(database, id).await, "available");
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_was_reset_while_it_was_made_is_not_recorded_and_its_job_is_still_held() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, job, volume) = begun(database).await;
        reset(database, id, "error").await;
        assert!(!catalog.finish_backup(&job, id, &outcome(volume, id, None), false).await.unwrap());
        assert_eq!(status(database, id).await, "error");
        assert!(!catalog.renew_job(&job, LEASE).await.unwrap(), "what was made must still be removed");
    })
    .await;
}

#[tokio::test]
async fn a_full_backup_names_its_base_before_it_is_made_and_an_increment_does_not() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let named = async |id: BackupId| -> Option<String> {
            sqlx::query_scalar("SELECT service_metadata FROM backups WHERE id = $1")
                .bind(id)
                .fetch_one(&database.sql)
                .await
                .unwrap()
        };
        let (id, job, volume) = begun(database).await;
        assert_eq!(named(id).await, Some(format!(r#"{{"base": "volume-{volume}.backup.{id}"}}"#)));
        assert!(catalog.finish_backup(&job, id, &outcome(volume, id, None), false).await.unwrap());
        let (increment, _) = begun_of(database, volume, true).await;
        assert_eq!(named(increment).await, None, "its parent is chosen by what is on disk");
    })
    .await;
}

#[tokio::test]
async fn a_backup_whose_data_is_gone_is_gone_whatever_its_status_was_set_to() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, job, volume) = begun(database).await;
        assert!(catalog.finish_backup(&job, id, &outcome(volume, id, None), false).await.unwrap());
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        catalog.delete_backup(id, &scope(), None).await.unwrap().unwrap();
        let job = catalog.claim_job("one", "lab", Lane::Light, LEASE).await.unwrap().unwrap();
        assert!(catalog.begin_backup_delete(id, false).await.unwrap().is_some());
        reset(database, id, "available").await;
        catalog.finish_backup_delete(&job, id).await.unwrap();
        assert_eq!(status(database, id).await, "deleted");
    })
    .await;
}

#[tokio::test]
async fn a_delete_that_has_begun_is_seen_through_or_leaves_no_available_backup() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, job, volume) = begun(database).await;
        assert!(catalog.finish_backup(&job, id, &outcome(volume, id, None), false).await.unwrap());
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        catalog.delete_backup(id, &scope(), None).await.unwrap().unwrap();
        let job = catalog.claim_job("one", "lab", Lane::Light, LEASE).await.unwrap().unwrap();
        assert!(catalog.begin_backup_delete(id, false).await.unwrap().is_some());
        catalog.reset_backup(id, &scope(), Status::Available).await.unwrap().unwrap();
        assert!(!catalog.renew_job(&job, LEASE).await.unwrap(), "a delete is not asked to stop half-way");
        assert_eq!(status(database, id).await, "deleting", "a part of it may be gone");
        catalog.reset_backup(id, &scope(), Status::Error).await.unwrap().unwrap();
        assert!(catalog.begin_backup_delete(id, false).await.unwrap().is_none(), "one that has not begun is none");
        catalog.reset_backup(id, &scope(), Status::Available).await.unwrap().unwrap();
        assert_eq!(status(database, id).await, "error", "its job has not ended");
        assert!(catalog.begin_backup_delete(id, true).await.unwrap().is_some());
        catalog.fail_backup_delete(&job, id, "a part of it is left").await.unwrap();
        assert_eq!(status(database, id).await, "error");
    })
    .await;
}

/// Its record may name the image of what was to be its parent, which is the last copy of that one.
#[tokio::test]
async fn a_backup_that_was_never_whole_has_failed_also_without_a_reason() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, _, _) = begun(database).await;
        for (whole, failed) in [(None, true), (Some("2026-01-01"), false)] {
            sqlx::query(
                "UPDATE backups SET status = 'deleting', service_metadata = NULL, completed_at = $2::text::timestamptz
                  WHERE id = $1",
            )
            .bind(id)
            .bind(whole)
            .execute(&database.sql)
            .await
            .unwrap();
            let work = catalog.begin_backup_delete(id, false).await.unwrap().unwrap();
            assert!(work.unplaced && work.backup.fail_reason.is_none());
            assert_eq!(work.failed, failed);
        }
    })
    .await;
}

#[tokio::test]
async fn a_delete_that_only_waits_is_taken_back_by_a_reset() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, job, volume) = begun(database).await;
        assert!(catalog.finish_backup(&job, id, &outcome(volume, id, None), false).await.unwrap());
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        catalog.delete_backup(id, &scope(), None).await.unwrap().unwrap();
        catalog.reset_backup(id, &scope(), Status::Available).await.unwrap().unwrap();
        assert_eq!(status(database, id).await, "available");
        assert!(catalog.begin_backup_delete(id, false).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_is_being_made_never_becomes_available_by_a_reset() {
    with_database(async |database| {
        let catalog = &database.catalog;
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        let (id, job, volume) = begun(database).await;
        catalog.reset_backup(id, &scope(), Status::Available).await.unwrap().unwrap();
        assert_eq!(status(database, id).await, "creating", "the copy has not ended");
        assert!(!catalog.finish_backup(&job, id, &outcome(volume, id, None), false).await.unwrap());
        let why = catalog.why_cancelled(&job).await.unwrap().expect("it says what ended it");
        catalog.reset_backup(id, &scope(), Status::Error).await.unwrap().unwrap();
        catalog.reset_backup(id, &scope(), Status::Available).await.unwrap().unwrap();
        assert_eq!(status(database, id).await, "error", "what it has copied is still being removed");
        catalog.fail_backup(&job, id, Detail::Cancelled, &why).await.unwrap();
        assert_eq!(status(database, id).await, "error");

        let waiting = catalog.create_backup(&new_backup(volume), &scope(), None).await.unwrap().unwrap().id;
        catalog.reset_backup(waiting, &scope(), Status::Available).await.unwrap().unwrap();
        assert_eq!(status(database, waiting).await, "error", "nothing of it was ever made");
        let left: Vec<(String, String)> = sqlx::query_as(
            "SELECT v.status, coalesce(b.fail_reason, '') FROM backups AS b JOIN volumes AS v ON v.id = b.volume_id
              WHERE b.id = $1",
        )
        .bind(waiting)
        .fetch_all(&database.sql)
        .await
        .unwrap();
        assert_eq!(left, [("available".to_owned(), "its status was reset while it was being made".to_owned())]);
        assert!(database.queued().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_record_that_is_being_taken_in_is_not_available_before_it_is() {
    with_database(async |database| {
        let catalog = &database.catalog;
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        let (id, _, volume) = begun(database).await;
        sqlx::query("DELETE FROM jobs").execute(&database.sql).await.unwrap();
        let mut tx = database.sql.begin().await.unwrap();
        let spec = JobSpec::BackupImport { backup: id, service: String::new(), record: serde_json::Value::Null };
        catalog::jobs::enqueue(&mut tx, &spec, &project(), None).await.unwrap();
        tx.commit().await.unwrap();
        catalog.reset_backup(id, &scope(), Status::Available).await.unwrap().unwrap();
        assert_eq!(status(database, id).await, "creating", "volume {volume} says nothing yet");
        database.finish_jobs().await;
        catalog.reset_backup(id, &scope(), Status::Available).await.unwrap().unwrap();
        assert_eq!(status(database, id).await, "available", "its job has ended");
    })
    .await;
}

#[tokio::test]
async fn a_backup_is_not_deleted_while_it_is_restored_to_any_volume() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (backup, elsewhere) = (BackupId::random(), VolumeId::random());
        let mut tx = database.sql.begin().await.unwrap();
        let restore = JobSpec::BackupRestore { backup, volume: elsewhere, new_volume: true };
        let delete = JobSpec::BackupDelete { backup, volume: VolumeId::random() };
        for spec in [&restore, &delete] {
            catalog::jobs::enqueue(&mut tx, spec, &project(), None).await.unwrap();
        }
        tx.commit().await.unwrap();
        let restoring = catalog.claim_job("one", "lab", Lane::Copy, LEASE).await.unwrap().unwrap();
        assert_eq!(restoring.spec, restore);
        assert!(catalog.claim_job("two", "lab", Lane::Light, LEASE).await.unwrap().is_none());
        catalog.end_job(&restoring, catalog::jobs::JobEnd::Done).await.unwrap();
        let deleting = catalog.claim_job("two", "lab", Lane::Light, LEASE).await.unwrap().unwrap();
        assert_eq!(deleting.spec, delete);
    })
    .await;
}

#[tokio::test]
async fn where_an_increment_may_be_is_known_also_when_its_parent_was_deleted_since() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (parent, job, volume) = begun(database).await;
        assert!(catalog.finish_backup(&job, parent, &outcome(volume, parent, None), false).await.unwrap());
        let (long_gone, job) = begun_of(database, volume, false).await;
        assert!(catalog.finish_backup(&job, long_gone, &outcome(volume, long_gone, None), false).await.unwrap());
        sqlx::query("UPDATE backups SET status = 'deleted', deleted_at = now() WHERE id = $1")
            .bind(long_gone)
            .execute(&database.sql)
            .await
            .unwrap();
        let (id, _) = begun_of(database, volume, true).await;
        let worker = Worker { host: "lab".to_owned(), zone: "nova".to_owned(), service: "ceph".to_owned() };
        let place = format!("{{\"base\": \"volume-{volume}.backup.{parent}\"}}");
        for (status, candidates) in [("available", 1), ("deleting", 0), ("deleted", 0)] {
            sqlx::query(
                "UPDATE backups SET status = $2, deleted_at = CASE WHEN $2 = 'deleted' THEN now() END WHERE id = $1",
            )
            .bind(parent)
            .bind(status)
            .execute(&database.sql)
            .await
            .unwrap();
            let work = catalog.begin_backup(id, true, "backups", &worker).await.unwrap().unwrap();
            assert_eq!((work.parents.len(), work.places), (candidates, vec![place.clone()]), "{status}");
        }
    })
    .await;
}
