//! Statuses of volumes and snapshots that are set by hand while a job waits or runs.

use std::time::Duration;

use catalog::backups::{Restore, Target};
use catalog::jobs::{Job, Lane};
use catalog::messages::Detail;
use catalog::page::Scope;
use catalog::services::BACKUP_BINARY;
use catalog::volumes::{Deletion, Reset, Status};
use catalog::{BackupId, SnapshotId, VolumeId, snapshots};

use crate::support::{Database, new_backup, new_snapshot, placement, project, scope, with_database};

const LEASE: Duration = Duration::from_mins(1);
const PLAIN: Deletion = Deletion { cascade: false, force: false };
const FORCE: Deletion = Deletion { cascade: false, force: true };

async fn claim(database: &Database, lane: Lane) -> Job {
    database.catalog.claim_job("one", "lab", lane, LEASE).await.unwrap().unwrap()
}

async fn hand_back(database: &Database, job: &Job) {
    database.catalog.release_job(job, Duration::ZERO, true, "drained").await.unwrap();
}

async fn reset(database: &Database, id: VolumeId, status: Status) {
    let reset = Reset { status: Some(status), ..Reset::default() };
    database.catalog.reset_volume(id, &Scope::Every, &reset).await.unwrap().unwrap();
}

/// Status and size; `None` for a volume that is gone.
async fn seen(database: &Database, id: VolumeId) -> Option<(Status, i32)> {
    let volume = database.catalog.volume(id, &Scope::Every).await.unwrap()?;
    Some((volume.status, volume.size_gib))
}

async fn snapshot_status(database: &Database, id: SnapshotId) -> Option<snapshots::Status> {
    database.catalog.snapshot(id, &Scope::Every).await.unwrap().map(|snapshot| snapshot.status)
}

#[tokio::test]
async fn a_delete_that_waits_is_taken_back_and_one_that_has_begun_is_seen_through() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let deleting = async |id, begun| catalog.volume_to_remove(id, begun).await.unwrap().is_some();
        let id = database.available_volume(1).await;
        catalog.delete_volume(id, &scope(), PLAIN, None).await.unwrap().unwrap();
        assert!(deleting(id, false).await);
        reset(database, id, Status::Available).await;
        assert_eq!(seen(database, id).await, Some((Status::Available, 1)));
        assert!(!deleting(id, false).await && !deleting(id, true).await, "somebody may have attached it");

        database.finish_jobs().await;
        catalog.delete_volume(id, &scope(), PLAIN, None).await.unwrap().unwrap();
        let job = claim(database, Lane::Light).await;
        reset(database, id, Status::Available).await;
        assert_eq!(seen(database, id).await, Some((Status::Deleting, 1)), "nobody attaches what is being removed");
        hand_back(database, &job).await;
        reset(database, id, Status::Available).await;
        assert_eq!(seen(database, id).await, Some((Status::Deleting, 1)));
        reset(database, id, Status::Error).await;
        assert_eq!(seen(database, id).await, Some((Status::Error, 1)));
        let job = claim(database, Lane::Light).await;
        assert!(job.attempt > 1 && deleting(id, job.attempt > 1).await);
        catalog.finish_volume_delete(&job, id).await.unwrap();
        assert_eq!(seen(database, id).await, None);
        assert!(!deleting(id, true).await);
    })
    .await;
}

#[tokio::test]
async fn a_delete_that_fails_says_so_and_a_create_that_fails_takes_no_delete_back() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.creating_volume(1).await.id;
        let create = claim(database, Lane::Light).await;
        catalog.delete_volume(id, &scope(), FORCE, None).await.unwrap().unwrap();
        catalog.fail_volume(&create, id, "no").await.unwrap();
        assert_eq!(seen(database, id).await, Some((Status::Deleting, 1)));
        let delete = claim(database, Lane::Light).await;
        reset(database, id, Status::Error).await;
        catalog.fail_volume(&delete, id, "no").await.unwrap();
        assert_eq!(seen(database, id).await, Some((Status::ErrorDeleting, 1)));
    })
    .await;
}

#[tokio::test]
async fn an_extend_that_waits_is_taken_back_and_the_size_of_one_that_was_done_is_recorded() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let extending = async |id, begun| catalog.volume_to_grow(id, begun).await.unwrap().is_some();
        let id = database.available_volume(1).await;
        catalog.extend_volume(id, &scope(), 2, false, None).await.unwrap().unwrap();
        assert!(extending(id, false).await);
        reset(database, id, Status::Available).await;
        assert!(!extending(id, false).await && extending(id, true).await);
        assert!(database.queued().await.is_empty(), "the next one may be to another size");

        catalog.extend_volume(id, &scope(), 3, false, None).await.unwrap().unwrap();
        let job = claim(database, Lane::Light).await;
        reset(database, id, Status::Maintenance).await;
        catalog.finish_volume_extend(&job, id, 3, "available").await.unwrap();
        assert_eq!(seen(database, id).await, Some((Status::Maintenance, 3)));
    })
    .await;
}

#[tokio::test]
async fn what_was_asked_for_once_more_is_not_forgotten_when_the_first_job_ends() {
    with_database(async |database| {
        let catalog = &database.catalog;
        for failing in [false, true] {
            let id = database.available_volume(1).await;
            catalog.extend_volume(id, &scope(), 2, false, None).await.unwrap().unwrap();
            let first = claim(database, Lane::Light).await;
            reset(database, id, Status::Available).await;
            catalog.extend_volume(id, &scope(), 3, false, None).await.unwrap().unwrap();
            if failing {
                catalog.fail_volume(&first, id, "no").await.unwrap();
            } else {
                catalog.finish_volume_extend(&first, id, 2, "available").await.unwrap();
            }
            assert_eq!(seen(database, id).await, Some((Status::Extending, if failing { 1 } else { 2 })));
            let second = claim(database, Lane::Light).await;
            assert!(catalog.volume_to_grow(id, false).await.unwrap().is_some());
            catalog.finish_volume_extend(&second, id, 3, "available").await.unwrap();
            assert_eq!(seen(database, id).await, Some((Status::Available, 3)));

            catalog.delete_volume(id, &scope(), PLAIN, None).await.unwrap().unwrap();
            let first = claim(database, Lane::Light).await;
            catalog.delete_volume(id, &scope(), FORCE, None).await.unwrap().unwrap();
            catalog.fail_volume(&first, id, "no").await.unwrap();
            assert_eq!(seen(database, id).await, Some((Status::Deleting, 3)));
            let second = claim(database, Lane::Light).await;
            assert!(catalog.volume_to_remove(id, false).await.unwrap().is_some());
            catalog.fail_volume(&second, id, "no").await.unwrap();
            assert_eq!(seen(database, id).await, Some((Status::ErrorDeleting, 3)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_volume_that_is_being_made_does_not_become_usable_by_a_reset() {
    with_database(async |database| {
        let id = database.creating_volume(1).await.id;
        let job = claim(database, Lane::Light).await;
        reset(database, id, Status::Available).await;
        assert_eq!(seen(database, id).await, Some((Status::Creating, 1)));
        database.catalog.finish_volume_create(&job, id).await.unwrap();
        assert_eq!(seen(database, id).await, Some((Status::Available, 1)));
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_that_is_gone_is_not_made() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = database.available_volume(1).await;
        let id = catalog.create_snapshot(&new_snapshot(volume), &scope(), None).await.unwrap().unwrap().id;
        let create = claim(database, Lane::Light).await;
        assert!(catalog.snapshot_to_make(id).await.unwrap().is_some());
        catalog.release_job(&create, Duration::from_hours(1), true, "drained").await.unwrap();
        catalog.delete_snapshot(id, &scope(), true, None).await.unwrap().unwrap();
        assert!(catalog.snapshot_to_make(id).await.unwrap().is_none());
        let delete = claim(database, Lane::Light).await;
        assert!(catalog.snapshot_to_remove(id, false).await.unwrap().is_some());
        catalog.finish_snapshot_delete(&delete, id).await.unwrap();
        assert_eq!(snapshot_status(database, id).await, None);
        assert!(catalog.snapshot_to_make(id).await.unwrap().is_none());
        assert!(catalog.snapshot_to_remove(id, true).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn the_delete_of_a_snapshot_is_taken_back_or_comes_to_its_end() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = database.available_volume(1).await;
        let removing = async |id, begun| catalog.snapshot_to_remove(id, begun).await.unwrap().is_some();
        let reset = async |id, status| assert!(catalog.reset_snapshot(id, &Scope::Every, status).await.unwrap());
        let deleting = async || {
            let id = database.available_snapshot(volume).await;
            catalog.delete_snapshot(id, &scope(), false, None).await.unwrap().unwrap();
            id
        };
        let id = deleting().await;
        reset(id, snapshots::Status::Available).await;
        assert_eq!(snapshot_status(database, id).await, Some(snapshots::Status::Available));
        assert!(!removing(id, false).await && !removing(id, true).await);
        database.finish_jobs().await;

        let id = deleting().await;
        let job = claim(database, Lane::Light).await;
        reset(id, snapshots::Status::Available).await;
        assert_eq!(snapshot_status(database, id).await, Some(snapshots::Status::Deleting));
        reset(id, snapshots::Status::Error).await;
        assert_eq!(snapshot_status(database, id).await, Some(snapshots::Status::Error));
        assert!(!removing(id, false).await && removing(id, true).await);
        catalog.finish_snapshot_delete(&job, id).await.unwrap();
        assert_eq!(snapshot_status(database, id).await, None);

        let id = deleting().await;
        let job = claim(database, Lane::Light).await;
        reset(id, snapshots::Status::Error).await;
        catalog.fail_snapshot_delete(&job, id, "no").await.unwrap();
        assert_eq!(snapshot_status(database, id).await, Some(snapshots::Status::ErrorDeleting));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_made_yet_is_not_available() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = database.creating_volume(1).await.id;
        reset(database, volume, Status::Available).await;
        assert_eq!(seen(database, volume).await, Some((Status::Creating, 1)), "somebody would attach it");
        catalog.fail_volume(&claim(database, Lane::Light).await, volume, "no").await.unwrap();
        assert_eq!(seen(database, volume).await, Some((Status::Error, 1)));

        let volume = database.available_volume(1).await;
        let snapshot = catalog.create_snapshot(&new_snapshot(volume), &scope(), None).await.unwrap().unwrap().id;
        assert!(catalog.reset_snapshot(snapshot, &Scope::Every, snapshots::Status::Available).await.unwrap());
        assert_eq!(snapshot_status(database, snapshot).await, Some(snapshots::Status::Creating));
        catalog.fail_snapshot_create(&claim(database, Lane::Light).await, snapshot, "no").await.unwrap();
        assert_eq!(snapshot_status(database, snapshot).await, Some(snapshots::Status::Error));
    })
    .await;
}

#[tokio::test]
async fn snapshots_that_were_to_go_with_their_volume_stay_as_they_are_or_say_that_they_may_be_gone() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let cascade = Deletion { cascade: true, ..PLAIN };
        let volume = database.available_volume(1).await;
        let whole = database.available_snapshot(volume).await;
        let broken = catalog.create_snapshot(&new_snapshot(volume), &scope(), None).await.unwrap().unwrap().id;
        let create = claim(database, Lane::Light).await;
        catalog.fail_snapshot_create(&create, broken, "no").await.unwrap();
        let statuses = async || {
            [snapshot_status(database, whole).await.unwrap(), snapshot_status(database, broken).await.unwrap()]
        };

        catalog.delete_volume(volume, &scope(), cascade, None).await.unwrap().unwrap();
        assert_eq!(statuses().await, [snapshots::Status::Deleting; 2]);
        reset(database, volume, Status::Available).await;
        let job = claim(database, Lane::Light).await;
        assert!(catalog.volume_to_remove(volume, false).await.unwrap().is_none());
        catalog.take_back_volume_delete(&job, volume).await.unwrap();
        assert_eq!(statuses().await, [snapshots::Status::Available, snapshots::Status::Error], "one was never made");

        catalog.delete_volume(volume, &scope(), cascade, None).await.unwrap().unwrap();
        let job = claim(database, Lane::Light).await;
        assert!(catalog.reset_snapshot(whole, &Scope::Every, snapshots::Status::Available).await.unwrap());
        assert_eq!(statuses().await, [snapshots::Status::Deleting; 2], "it may be gone any moment");
        catalog.fail_volume(&job, volume, "no").await.unwrap();
        assert_eq!(statuses().await, [snapshots::Status::ErrorDeleting; 2]);
        assert!(catalog.reset_snapshot(whole, &Scope::Every, snapshots::Status::Available).await.unwrap());
        assert_eq!(statuses().await, [snapshots::Status::Available, snapshots::Status::ErrorDeleting]);
        reset(database, volume, Status::Error).await;
        catalog.delete_volume(volume, &scope(), cascade, None).await.unwrap().unwrap();
        let again = [snapshots::Status::Deleting, snapshots::Status::ErrorDeleting];
        assert_eq!(statuses().await, again, "it can be asked for again");
        assert!(catalog.reset_snapshot(whole, &Scope::Every, snapshots::Status::Available).await.unwrap());
        assert_eq!(statuses().await, again, "it is to go, although nobody has begun");
        reset(database, volume, Status::Error).await;
        let job = claim(database, Lane::Light).await;
        catalog.take_back_volume_delete(&job, volume).await.unwrap();
        let back = [snapshots::Status::Available, snapshots::Status::ErrorDeleting];
        assert_eq!(statuses().await, back, "what may be half gone is not whole again");
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_that_was_reported_available_is_so_only_if_it_was_made() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = database.available_volume(1).await;
        for (made, ends) in [(true, snapshots::Status::Available), (false, snapshots::Status::Error)] {
            let id = catalog.create_snapshot(&new_snapshot(volume), &scope(), None).await.unwrap().unwrap().id;
            let job = claim(database, Lane::Light).await;
            let reported = snapshots::Status::Available;
            catalog.report_snapshot(id, &scope(), reported, Some("80%")).await.unwrap().unwrap();
            if made {
                catalog.finish_snapshot_create(&job, id).await.unwrap();
            } else {
                catalog.fail_snapshot_create(&job, id, "no").await.unwrap();
            }
            assert_eq!(snapshot_status(database, id).await.unwrap(), ends);
            let progress = catalog.snapshot(id, &scope()).await.unwrap().unwrap().progress;
            assert_eq!(progress.as_deref(), Some(if made { "100%" } else { "80%" }));
        }
    })
    .await;
}

/// A backup that is about to be restored, and what to.
async fn restoring(database: &Database, new: bool) -> (BackupId, VolumeId) {
    let catalog = &database.catalog;
    let source = database.available_volume(1).await;
    let id = catalog.create_backup(&new_backup(source), &scope(), None).await.unwrap().unwrap().id;
    sqlx::query("UPDATE backups SET status = 'available'").execute(&database.sql).await.unwrap();
    database.set_volume_status(source, "available").await;
    database.finish_jobs().await;
    catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
    let target = if new { Target::New(None) } else { Target::Volume(database.available_volume(1).await) };
    let restore = Restore { backup: id, target, project: project(), user: "alice".into() };
    let begun = catalog.restore_backup(&restore, &scope(), &placement(), None).await.unwrap().unwrap();
    (id, begun.volume)
}

/// Statuses of a backup and of a volume; what became of the restore, and why.
async fn restored(database: &Database, backup: BackupId, volume: VolumeId) -> (String, String, String, Option<String>) {
    sqlx::query_as(
        "SELECT b.status, v.status, j.state, j.cancelled_by
           FROM backups AS b, volumes AS v, jobs AS j
          WHERE b.id = $1 AND v.id = $2 AND j.target_id = b.id AND j.kind = 'backup_restore'",
    )
    .bind(backup)
    .bind(volume)
    .fetch_one(&database.sql)
    .await
    .unwrap()
}

fn texts(backup: &str, volume: &str, job: &str, why: Option<&str>) -> (String, String, String, Option<String>) {
    (backup.to_owned(), volume.to_owned(), job.to_owned(), why.map(str::to_owned))
}

const WHY: Option<&str> = Some("the status of its volume was reset during the restore");

#[tokio::test]
async fn a_restore_that_runs_is_cancelled_by_a_reset_of_its_volume_which_is_not_usable_before_it_ended() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, volume) = restoring(database, false).await;
        let job = claim(database, Lane::Copy).await;
        assert!(catalog.begin_restore(id, volume).await.unwrap().unwrap().volume.is_some());
        reset(database, volume, Status::RestoringBackup).await;
        assert!(catalog.cancelled_jobs(&[job.id]).await.unwrap().is_empty(), "nothing was changed by that");
        reset(database, volume, Status::Available).await;
        assert_eq!(restored(database, id, volume).await, texts("restoring", "restoring-backup", "running", WHY));
        assert_eq!(catalog.cancelled_jobs(&[job.id]).await.unwrap(), [job.id]);

        hand_back(database, &job).await;
        reset(database, volume, Status::Available).await;
        assert_eq!(restored(database, id, volume).await, texts("restoring", "restoring-backup", "ready", WHY));
        let job = claim(database, Lane::Copy).await;
        assert!(job.cancel);
        let why = catalog.why_cancelled(&job).await.unwrap().unwrap();
        catalog.fail_restore(&job, id, volume, Detail::Cancelled, &why, false).await.unwrap();
        assert_eq!(restored(database, id, volume).await, texts("available", "error_restoring", "failed", WHY));
        reset(database, volume, Status::Available).await;
        assert_eq!(restored(database, id, volume).await, texts("available", "available", "failed", WHY));
    })
    .await;
}

#[tokio::test]
async fn a_volume_that_is_set_to_error_during_a_restore_stays_so() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (id, volume) = restoring(database, false).await;
        let job = claim(database, Lane::Copy).await;
        reset(database, volume, Status::Error).await;
        assert_eq!(restored(database, id, volume).await, texts("restoring", "error", "running", WHY));
        reset(database, volume, Status::Available).await;
        assert_eq!(restored(database, id, volume).await, texts("restoring", "error", "running", WHY));
        catalog.fail_restore(&job, id, volume, Detail::Cancelled, "told", false).await.unwrap();
        assert_eq!(restored(database, id, volume).await, texts("available", "error", "failed", WHY));
    })
    .await;
}

#[tokio::test]
async fn a_restore_that_waits_ends_with_a_reset_of_its_volume() {
    with_database(async |database| {
        let (id, volume) = restoring(database, false).await;
        reset(database, volume, Status::Available).await;
        assert_eq!(restored(database, id, volume).await, texts("available", "available", "failed", WHY));
        assert!(database.queued().await.is_empty());
        // a volume that was to be made has no image
        let (id, volume) = restoring(database, true).await;
        reset(database, volume, Status::Available).await;
        assert_eq!(restored(database, id, volume).await, texts("available", "error_restoring", "failed", WHY));
    })
    .await;
}

#[tokio::test]
async fn a_reset_that_is_refused_cancels_nothing() {
    with_database(async |database| {
        let (id, volume) = restoring(database, false).await;
        let reset = Reset { status: Some(Status::InUse), ..Reset::default() };
        assert!(database.catalog.reset_volume(volume, &Scope::Every, &reset).await.unwrap().is_err());
        let reset = Reset { status: Some(Status::Available), ..Reset::default() };
        let foreign = Scope::Project("other".into());
        assert!(database.catalog.reset_volume(volume, &foreign, &reset).await.unwrap().is_err());
        assert_eq!(restored(database, id, volume).await, texts("restoring", "restoring-backup", "ready", None));
    })
    .await;
}

#[tokio::test]
async fn with_a_delete_that_is_taken_back_its_snapshots_come_back() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let id = database.available_volume(1).await;
        let snapshot = catalog.create_snapshot(&new_snapshot(id), &scope(), None).await.unwrap().unwrap().id;
        let job = claim(database, Lane::Light).await;
        catalog.finish_snapshot_create(&job, snapshot).await.unwrap();
        let cascade = Deletion { cascade: true, force: false };
        catalog.delete_volume(id, &scope(), cascade, None).await.unwrap().unwrap();
        assert_eq!(snapshot_status(database, snapshot).await, Some(snapshots::Status::Deleting));
        reset(database, id, Status::Available).await;
        let job = claim(database, Lane::Light).await;
        assert!(catalog.volume_to_remove(id, false).await.unwrap().is_none());
        catalog.take_back_volume_delete(&job, id).await.unwrap();
        assert_eq!(snapshot_status(database, snapshot).await, Some(snapshots::Status::Available));
        assert_eq!(seen(database, id).await, Some((Status::Available, 1)));
        assert!(catalog.claim_job("one", "lab", Lane::Light, LEASE).await.unwrap().is_none());
    })
    .await;
}
