//! Claims, leases and lock keys.

use std::time::Duration;

use catalog::backups::NewBackup;
use catalog::jobs::{self, Job, JobEnd, JobSpec, Lane};
use catalog::services::BACKUP_BINARY;
use catalog::work::{BackupOutcome, Worker};
use catalog::{BackupId, Catalog, Error, VolumeId};

use crate::support::{Database, new_backup, project, scope, with_database};

const LEASE: Duration = Duration::from_mins(1);
/// A lease that has run out as soon as it is given.
const NO_LEASE: Duration = Duration::ZERO;

async fn enqueue(database: &Database, spec: &JobSpec) {
    let mut tx = database.sql.begin().await.unwrap();
    jobs::enqueue(&mut tx, spec, &project(), Some("req-1")).await.unwrap();
    tx.commit().await.unwrap();
}

async fn end(database: &Database, job: &Job, how: JobEnd<'_>) -> catalog::Result<()> {
    let mut tx = database.sql.begin().await.unwrap();
    jobs::end(&mut tx, job, how).await?;
    tx.commit().await.unwrap();
    Ok(())
}

async fn claim(catalog: &Catalog, worker: &str, lane: Lane, lease: Duration) -> Option<Job> {
    catalog.claim_job(worker, "lab", lane, lease).await.unwrap()
}

fn delete(volume: VolumeId) -> JobSpec {
    JobSpec::VolumeDelete { volume, cascade: false }
}

fn backup(volume: VolumeId) -> JobSpec {
    JobSpec::BackupCreate { backup: BackupId::random(), volume, incremental: false }
}

#[tokio::test]
async fn a_job_has_one_worker_and_goes_through_the_lane_of_its_kind() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let spec = delete(VolumeId::random());
        enqueue(database, &spec).await;
        assert!(claim(catalog, "one", Lane::Copy, LEASE).await.is_none());
        let (first, second) =
            tokio::join!(claim(catalog, "one", Lane::Light, LEASE), claim(catalog, "two", Lane::Light, LEASE));
        assert!(first.is_some() != second.is_some());
        let job = first.or(second).unwrap();
        assert_eq!((job.spec.clone(), job.attempt, job.request_id.as_deref()), (spec, 1, Some("req-1")));
        assert!(!catalog.renew_job(&job, LEASE).await.unwrap());
        end(database, &job, JobEnd::Done).await.unwrap();
        assert!(claim(catalog, "two", Lane::Light, LEASE).await.is_none());
        assert!(matches!(end(database, &job, JobEnd::Done).await, Err(Error::Stale { .. })), "it ends once");
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_lease_ran_out_is_taken_over_and_its_first_worker_changes_nothing_more() {
    with_database(async |database| {
        let catalog = &database.catalog;
        enqueue(database, &delete(VolumeId::random())).await;
        let lost = claim(catalog, "one", Lane::Light, NO_LEASE).await.unwrap();
        catalog.record_step(&lost, "half-way").await.unwrap();
        let taken = claim(catalog, "two", Lane::Light, LEASE).await.expect("the lease has run out");
        assert_eq!((taken.id, taken.attempt, taken.step.as_deref()), (lost.id, 2, Some("half-way")));

        assert!(matches!(catalog.renew_job(&lost, LEASE).await, Err(Error::Stale { .. })));
        assert!(matches!(catalog.record_step(&lost, "late").await, Err(Error::Stale { .. })));
        assert!(matches!(catalog.record_progress(&lost, 1, 1, 1).await, Err(Error::Stale { .. })));
        assert!(matches!(catalog.release_job(&lost, NO_LEASE, true, "late").await, Err(Error::Stale { .. })));
        assert!(matches!(end(database, &lost, JobEnd::Failed("late")).await, Err(Error::Stale { .. })));

        assert!(claim(catalog, "three", Lane::Light, LEASE).await.is_none(), "the second lease holds");
        end(database, &taken, JobEnd::Done).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_same_worker_that_lost_and_claimed_again_is_not_taken_for_its_former_self() {
    with_database(async |database| {
        let catalog = &database.catalog;
        enqueue(database, &delete(VolumeId::random())).await;
        let lost = claim(catalog, "one", Lane::Light, NO_LEASE).await.unwrap();
        let again = claim(catalog, "one", Lane::Light, LEASE).await.unwrap();
        assert!(matches!(catalog.renew_job(&lost, LEASE).await, Err(Error::Stale { .. })));
        assert!(catalog.renew_job(&again, LEASE).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn two_running_jobs_never_share_a_volume() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let (volume, other) = (VolumeId::random(), VolumeId::random());
        enqueue(database, &backup(volume)).await;
        enqueue(database, &delete(volume)).await;
        enqueue(database, &delete(other)).await;
        let first = claim(catalog, "one", Lane::Copy, LEASE).await.unwrap();
        let free = claim(catalog, "two", Lane::Light, LEASE).await.unwrap();
        assert_eq!(free.spec, delete(other), "the job of the busy volume is passed over");
        assert!(claim(catalog, "two", Lane::Light, LEASE).await.is_none());
        end(database, &first, JobEnd::Failed("no")).await.unwrap();
        assert_eq!(claim(catalog, "two", Lane::Light, LEASE).await.unwrap().spec, delete(volume));
    })
    .await;
}

#[tokio::test]
async fn of_many_claims_at_once_one_gets_the_volume() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = VolumeId::random();
        for _ in 0..4 {
            enqueue(database, &backup(volume)).await;
        }
        let claims = tokio::join!(
            claim(catalog, "one", Lane::Copy, LEASE),
            claim(catalog, "two", Lane::Copy, LEASE),
            claim(catalog, "three", Lane::Copy, LEASE),
            claim(catalog, "four", Lane::Copy, LEASE),
        );
        let claimed = [claims.0, claims.1, claims.2, claims.3].into_iter().flatten().count();
        assert_eq!(claimed, 1);
    })
    .await;
}

#[tokio::test]
async fn a_job_given_back_waits_its_time_and_frees_its_keys() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let volume = VolumeId::random();
        enqueue(database, &backup(volume)).await;
        let job = claim(catalog, "one", Lane::Copy, LEASE).await.unwrap();
        catalog.release_job(&job, Duration::from_hours(1), false, "ceph is away").await.unwrap();
        assert!(claim(catalog, "one", Lane::Copy, LEASE).await.is_none());
        enqueue(database, &delete(volume)).await;
        let next = claim(catalog, "one", Lane::Light, LEASE).await.unwrap();
        end(database, &next, JobEnd::Done).await.unwrap();
        sqlx::query("UPDATE jobs SET run_at = now()").execute(&database.sql).await.unwrap();
        assert_eq!(claim(catalog, "one", Lane::Copy, LEASE).await.unwrap().attempt, 2);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_hands_its_job_back_did_not_go_away() {
    with_database(async |database| {
        let catalog = &database.catalog;
        enqueue(database, &delete(VolumeId::random())).await;
        for drains in 0..3 {
            let job = claim(catalog, "one", Lane::Light, LEASE).await.unwrap();
            assert_eq!((job.attempt, job.takeovers), (drains + 1, 1));
            catalog.release_job(&job, NO_LEASE, true, "the worker was shut down").await.unwrap();
        }
        claim(catalog, "two", Lane::Light, NO_LEASE).await.unwrap();
        assert_eq!(claim(catalog, "three", Lane::Light, LEASE).await.unwrap().takeovers, 2, "one died");
    })
    .await;
}

#[tokio::test]
async fn a_disabled_backup_service_claims_no_backups() {
    with_database(async |database| {
        let catalog = &database.catalog;
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        catalog.set_service_enabled(BACKUP_BINARY, "lab", false, None).await.unwrap();
        enqueue(database, &backup(VolumeId::random())).await;
        enqueue(database, &delete(VolumeId::random())).await;
        assert!(claim(catalog, "one", Lane::Copy, LEASE).await.is_none());
        assert!(claim(catalog, "one", Lane::Light, LEASE).await.is_some());
        assert!(catalog.claim_job("two", "elsewhere", Lane::Copy, LEASE).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_backup_is_claimed_in_the_zone_asked_for_else_in_its_volumes() {
    with_database(async |database| {
        let catalog = &database.catalog;
        catalog.heartbeat(BACKUP_BINARY, "lab", "nova").await.unwrap();
        catalog.heartbeat(BACKUP_BINARY, "far", "mars").await.unwrap();
        for (asked, host, other) in [(None, "lab", "far"), (Some(""), "lab", "far"), (Some("mars"), "far", "lab")] {
            let volume = database.available_volume(1).await;
            let new = NewBackup { availability_zone: asked.map(str::to_owned), ..new_backup(volume) };
            let made = catalog.create_backup(&new, &scope(), None).await.unwrap().unwrap();
            assert!(catalog.claim_job("one", other, Lane::Copy, LEASE).await.unwrap().is_none(), "{asked:?}");
            let job = catalog.claim_job("one", host, Lane::Copy, LEASE).await.unwrap().unwrap();
            let zone = if host == "lab" { "nova" } else { "mars" };
            let worker = Worker { host: host.to_owned(), zone: zone.to_owned(), service: "ceph".to_owned() };
            catalog.begin_backup(made.id, false, "backups", &worker).await.unwrap().unwrap();
            let outcome = BackupOutcome { base: "b".to_owned(), ..BackupOutcome::default() };
            assert!(catalog.finish_backup(&job, made.id, &outcome, false).await.unwrap());
            // and so is all that is done with it later
            catalog.delete_backup(made.id, &scope(), None).await.unwrap().unwrap();
            assert!(catalog.claim_job("one", other, Lane::Light, LEASE).await.unwrap().is_none(), "{asked:?}");
            let job = catalog.claim_job("one", host, Lane::Light, LEASE).await.unwrap().unwrap();
            catalog.finish_backup_delete(&job, made.id).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_job_is_announced_and_a_cancel_is_seen_at_the_next_renewal() {
    with_database(async |database| {
        let catalog = &database.catalog;
        let mut listener = catalog.job_listener().await.unwrap();
        enqueue(database, &backup(VolumeId::random())).await;
        tokio::time::timeout(Duration::from_secs(10), listener.wait()).await.expect("an announcement").unwrap();
        let job = claim(catalog, "one", Lane::Copy, LEASE).await.unwrap();
        sqlx::query("UPDATE jobs SET cancel_requested = true").execute(&database.sql).await.unwrap();
        assert!(catalog.renew_job(&job, LEASE).await.unwrap());
        drop(listener);
    })
    .await;
}
