//! Backups that are found to be damaged, and what else may be then; whose turn it is to be read.

use std::time::Duration;

use catalog::backups::{DRIVER, NewBackup};
use catalog::jobs::{Job, JobEnd, JobSpec, Lane};
use catalog::reconcile::StaleStatus;
use catalog::work::{BackupOutcome, Verdict, Worker};
use catalog::{BackupId, VolumeId};

use crate::support::{Database, new_backup, scope, with_database};

const LEASE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

fn worker() -> Worker {
    Worker { host: "lab".to_owned(), zone: "nova".to_owned(), service: DRIVER.to_owned() }
}

/// A backup that a worker has begun, with its job.
async fn begun(database: &Database, volume: VolumeId, incremental: bool) -> (BackupId, Job) {
    let catalog = &database.catalog;
    let new = NewBackup { incremental, ..new_backup(volume) };
    let id = catalog.create_backup(&new, &scope(), None).await.unwrap().unwrap().id;
    let job = catalog.claim_job("one", "lab", Lane::Copy, LEASE).await.unwrap().unwrap();
    assert!(catalog.begin_backup(id, incremental, "backups", &worker()).await.unwrap().is_some());
    (id, job)
}

fn outcome(volume: VolumeId, root: BackupId, parent: Option<BackupId>) -> BackupOutcome {
    BackupOutcome { base: format!("volume-{volume}.backup.{root}"), parent, ..BackupOutcome::default() }
}

/// A complete backup; of this base, if one is given.
async fn made(database: &Database, volume: VolumeId, of: Option<BackupId>) -> BackupId {
    let (id, job) = begun(database, volume, of.is_some()).await;
    let made = outcome(volume, of.unwrap_or(id), of);
    assert!(database.catalog.finish_backup(&job, id, &made, false).await.unwrap());
    id
}

/// Somebody reads it, and finds it damaged.
async fn rot(database: &Database, id: BackupId) {
    let catalog = &database.catalog;
    let began = catalog.begin_verify(id).await.unwrap().unwrap().began;
    assert!(catalog.finish_verify(None, id, began, Verdict::Damaged("rot"), &[]).await.unwrap());
}

async fn set(database: &Database, id: BackupId, status: &str) {
    sqlx::query("UPDATE backups SET status = $2, updated_at = now() WHERE id = $1")
        .bind(id)
        .bind(status)
        .execute(&database.sql)
        .await
        .unwrap();
}

async fn status(database: &Database, id: BackupId) -> String {
    sqlx::query_scalar("SELECT status FROM backups WHERE id = $1").bind(id).fetch_one(&database.sql).await.unwrap()
}

async fn verified(database: &Database, id: BackupId) -> String {
    sqlx::query_scalar("SELECT verify_result FROM backups WHERE id = $1")
        .bind(id)
        .fetch_one(&database.sql)
        .await
        .unwrap()
}

/// Which backups are to be verified; takes them out of the queue.
async fn suspects(database: &Database) -> Vec<BackupId> {
    let queued = database.queued().await;
    database.finish_jobs().await;
    queued
        .iter()
        .filter_map(|spec| if let JobSpec::BackupVerify { backup } = spec { Some(*backup) } else { None })
        .collect()
}

#[tokio::test]
async fn what_is_being_made_when_its_parent_is_found_damaged_is_verified_when_it_is_there() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = database.available_volume(1).await;
        let full = made(database, volume, None).await;
        let sibling = made(database, volume, Some(full)).await;
        for damaged in [sibling, full] {
            let (increment, job) = begun(database, volume, true).await;
            suspects(database).await;
            rot(database, damaged).await;
            assert!(!suspects(database).await.contains(&increment), "there is nothing to read yet");
            assert!(catalog.finish_backup(&job, increment, &outcome(volume, full, Some(full)), false).await.unwrap());
            assert_eq!(suspects(database).await, [increment]);
        }
        // the damage is older than the increment, which was begun before it was known
        let (late, job) = begun(database, volume, true).await;
        assert!(catalog.finish_backup(&job, late, &outcome(volume, full, Some(full)), false).await.unwrap());
        assert_eq!(suspects(database).await, [late]);
        // one that shares nothing with it
        let (other, job) = begun(database, volume, false).await;
        rot(database, late).await;
        suspects(database).await;
        assert!(catalog.finish_backup(&job, other, &outcome(volume, other, None), false).await.unwrap());
        assert_eq!(suspects(database).await, []);
    })
    .await;
}

#[tokio::test]
async fn whoever_comes_last_sees_the_other() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = database.available_volume(1).await;
        for round in 0..10 {
            let full = made(database, volume, None).await;
            let sibling = made(database, volume, Some(full)).await;
            let (increment, job) = begun(database, volume, true).await;
            let began = catalog.begin_verify(sibling).await.unwrap().unwrap().began;
            let outcome = outcome(volume, full, Some(full));
            let (damaged, recorded) = tokio::join!(
                catalog.finish_verify(None, sibling, began, Verdict::Damaged("rot"), &[]),
                catalog.finish_backup(&job, increment, &outcome, false),
            );
            assert!(damaged.unwrap() && recorded.unwrap());
            assert!(suspects(database).await.contains(&increment), "round {round}");
            let gone = "UPDATE backups SET status = 'deleted', deleted_at = now() WHERE deleted_at IS NULL";
            sqlx::query(gone).execute(&database.sql).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_is_being_restored_is_verified_and_builds_nothing_when_it_is_damaged() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = database.available_volume(1).await;
        let full = made(database, volume, None).await;
        let restored = made(database, volume, Some(full)).await;
        set(database, restored, "restoring").await;
        rot(database, full).await;
        assert_eq!(suspects(database).await, [restored]);
        let earlier = catalog.begin_verify(restored).await.unwrap().unwrap().began;
        rot(database, restored).await;
        assert_eq!(status(database, restored).await, "restoring", "until the restore ends");
        // who began earlier may have read the place before it rotted
        assert!(catalog.finish_verify(None, restored, earlier, Verdict::Sound, &[]).await.unwrap());
        assert_eq!(verified(database, restored).await, "damaged");
        let sound = made(database, volume, None).await;
        rot(database, sound).await;
        assert!(!suspects(database).await.contains(&restored), "it is known by now");

        let sound = made(database, volume, None).await;
        let siblings: Vec<_> =
            catalog.siblings(volume).await.unwrap().into_iter().flat_map(|group| group.backups).collect();
        assert_eq!(siblings, [sound]);
        let (increment, _) = begun(database, volume, true).await;
        let work = catalog.begin_backup(increment, true, "backups", &worker()).await.unwrap().unwrap();
        assert_eq!(work.parents.iter().map(|parent| parent.id).collect::<Vec<_>>(), [sound]);
    })
    .await;
}

#[tokio::test]
async fn a_restore_that_nobody_does_leaves_a_damaged_backup_in_error() {
    with_database(async |database| {
        let catalog = &database.catalog;
        for (damaged, left) in [(false, "available"), (true, "error")] {
            let volume = database.available_volume(1).await;
            let id = made(database, volume, None).await;
            set(database, id, "restoring").await;
            if damaged {
                rot(database, id).await;
            }
            database.finish_jobs().await;
            let found: Vec<StaleStatus> = catalog.stale_statuses().await.unwrap();
            let [stale] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!(stale.becomes(), left);
            assert!(catalog.end_stale_status(stale).await.unwrap());
            assert_eq!(status(database, id).await, left);
        }
    })
    .await;
}

#[tokio::test]
async fn what_waits_to_be_tried_again_does_not_stop_the_scrub() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let mut all = Vec::new();
        for age in [5, 4, 3, 2] {
            let volume = database.available_volume(1).await;
            let id = made(database, volume, None).await;
            sqlx::query("UPDATE backups SET created_at = now() - $2 * interval '1 day' WHERE id = $1")
                .bind(id)
                .bind(age)
                .execute(&database.sql)
                .await
                .unwrap();
            all.push(id);
        }
        let strange = "UPDATE backups SET service = 'cinder.backup.drivers.nfs.NFSBackupDriver' WHERE id = $1";
        sqlx::query(strange).bind(all[0]).execute(&database.sql).await.unwrap();
        database.finish_jobs().await;
        let asked = async || -> Vec<BackupId> {
            let specs = database.queued().await;
            specs
                .iter()
                .map(|spec| if let JobSpec::BackupScrub { backup } = spec { *backup } else { panic!() })
                .collect()
        };
        assert_eq!(catalog.enqueue_scrubs(DAY, 1).await.unwrap(), 1);
        assert_eq!(asked().await, [all[1]], "the oldest is another driver's");
        assert_eq!(catalog.enqueue_scrubs(DAY, 1).await.unwrap(), 0);
        let job = catalog.claim_job("one", "lab", Lane::Scrub, LEASE).await.unwrap().unwrap();
        catalog.release_job(&job, Duration::from_hours(1), false, "its pool is out of reach").await.unwrap();
        assert_eq!(catalog.enqueue_scrubs(DAY, 1).await.unwrap(), 1);
        assert_eq!(asked().await, [all[1], all[2]]);
        assert_eq!(catalog.enqueue_scrubs(DAY, 1).await.unwrap(), 0, "that one has its turn");
        let job = catalog.claim_job("one", "lab", Lane::Scrub, LEASE).await.unwrap().unwrap();
        assert_eq!(job.spec, JobSpec::BackupScrub { backup: all[2] });
        catalog.end_job(&job, JobEnd::Failed("three times")).await.unwrap();
        assert_eq!(catalog.enqueue_scrubs(DAY, 4).await.unwrap(), 1);
        assert_eq!(asked().await, [all[1], all[3]], "one that failed waits for the next time");
    })
    .await;
}

#[tokio::test]
async fn a_pool_is_known_by_backups_in_other_images_of_it() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = database.available_volume(1).await;
        let lost = made(database, volume, None).await;
        made(database, volume, Some(lost)).await;
        let other = made(database, volume, None).await;
        let newest = made(database, volume, Some(other)).await;
        let [unnamed, far, strange, failed] = [
            made(database, volume, None).await,
            made(database, volume, None).await,
            made(database, volume, None).await,
            made(database, volume, None).await,
        ];
        for (id, change) in [
            (unnamed, "container = NULL"),
            (far, "container = 'far'"),
            (strange, "service = 'cinder.backup.drivers.nfs.NFSBackupDriver'"),
            (failed, "status = 'error'"),
        ] {
            let change = sqlx::AssertSqlSafe(format!("UPDATE backups SET {change} WHERE id = $1"));
            sqlx::query(change).bind(id).execute(&database.sql).await.unwrap();
        }
        let work = catalog.begin_verify(lost).await.unwrap().unwrap();
        let witnesses = async |container, default| catalog.witnesses(&work, container, default).await.unwrap();
        assert_eq!(witnesses("backups", "backups").await, [unnamed, newest]);
        assert_eq!(witnesses("backups", "far").await, [newest]);
        assert_eq!(witnesses("far", "far").await, [far, unnamed]);
        assert_eq!(witnesses("empty", "far").await, []);
    })
    .await;
}
