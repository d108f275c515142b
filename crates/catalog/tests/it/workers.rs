//! Who lost a job, and over which connections it may still be written.

use std::time::Duration;

use catalog::jobs::{self, Job, JobEnd, JobSpec, Lane};
use catalog::workers::{Connection, LostWorker, Standing};
use catalog::{Catalog, VolumeId};

use crate::support::{Database, project, with_database};

const LEASE: Duration = Duration::from_mins(1);
/// A lease that has run out as soon as it is given.
const NO_LEASE: Duration = Duration::ZERO;
const EXPIRY: Duration = Duration::from_hours(1);

fn connections(address: &str) -> Vec<Connection> {
    vec![Connection { fsid: "f".to_owned(), address: address.to_owned() }]
}

async fn enqueue(database: &Database) {
    let mut tx = database.sql.begin().await.unwrap();
    let spec = JobSpec::VolumeDelete { volume: VolumeId::random(), cascade: false };
    jobs::enqueue(&mut tx, &spec, &project(), None).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(catalog: &Catalog, worker: &str, lease: Duration) -> Job {
    catalog.claim_job(worker, "lab", Lane::Light, lease).await.unwrap().expect("there is a job")
}

async fn lost(catalog: &Catalog, job: &Job) -> Vec<LostWorker> {
    catalog.lost_workers(job, EXPIRY).await.unwrap()
}

#[tokio::test]
async fn a_job_knows_who_lost_it_until_that_one_is_fenced() {
    with_database(async |database| {
        let catalog = &database.catalog;
        catalog.register_worker("one", "lab", &connections("a")).await.unwrap();
        catalog.register_worker("two", "lab", &connections("b")).await.unwrap();
        enqueue(database).await;
        let first = claim(catalog, "one", NO_LEASE).await;
        assert!(first.predecessors.is_empty(), "a new job was nobody's");
        let second = claim(catalog, "two", NO_LEASE).await;
        let one = LostWorker { name: "one".to_owned(), connections: connections("a"), fenced: false };
        assert_eq!(lost(catalog, &second).await, [one]);

        // the second went away as well, before it could fence anybody
        let third = claim(catalog, "three", LEASE).await;
        assert_eq!(third.predecessors, ["one", "two"]);
        // nor can the third: who is to be fenced is not forgotten, and nobody begins another job on the same images
        enqueue(database).await;
        let other = "UPDATE jobs SET lock_keys = (SELECT lock_keys FROM jobs WHERE id = $1) WHERE id <> $1";
        sqlx::query(other).bind(third.id).execute(&database.sql).await.unwrap();
        catalog.release_job(&third, LEASE, true, "Ceph is away").await.unwrap();
        assert!(catalog.claim_job("three", "lab", Lane::Light, LEASE).await.unwrap().is_none());
        assert!(catalog.locks_without_job().await.unwrap().is_empty() && !catalog.drop_locks(third.id).await.unwrap());
        sqlx::query("UPDATE jobs SET run_at = now()").execute(&database.sql).await.unwrap();
        let again = claim(catalog, "three", LEASE).await;
        assert_eq!((again.id, &*again.predecessors), (third.id, &["one".to_owned(), "two".to_owned()][..]));

        catalog.record_fenced(&again).await.unwrap();
        assert!(lost(catalog, &again).await.iter().all(|worker| worker.fenced));
        for name in ["one", "two"] {
            assert_eq!(catalog.worker_seen(name).await.unwrap(), Standing::Fenced);
        }
        catalog.release_job(&again, Duration::ZERO, true, "drained").await.unwrap();
        let other = claim(catalog, "five", LEASE).await;
        assert_ne!(other.id, again.id, "the keys are free");
        catalog.end_job(&other, JobEnd::Done).await.unwrap();
        let last = claim(catalog, "four", LEASE).await;
        assert!(last.predecessors.is_empty(), "they are fenced, and who handed it back has stopped");
        catalog.end_job(&last, JobEnd::Done).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_lost_two_jobs_is_fenced_once() {
    with_database(async |database| {
        let catalog = &database.catalog;
        catalog.register_worker("one", "lab", &connections("a")).await.unwrap();
        enqueue(database).await;
        enqueue(database).await;
        claim(catalog, "one", LEASE).await;
        claim(catalog, "one", LEASE).await;
        sqlx::query("UPDATE jobs SET lease_until = now() - interval '1 second'").execute(&database.sql).await.unwrap();
        let (first, second) = (claim(catalog, "two", LEASE).await, claim(catalog, "two", LEASE).await);
        catalog.record_fenced(&first).await.unwrap();
        assert!(lost(catalog, &second).await[0].fenced);
        assert!(!catalog.lost_workers(&second, Duration::ZERO).await.unwrap()[0].fenced, "it is off the list again");
    })
    .await;
}

#[tokio::test]
async fn a_worker_without_a_row_has_no_connections() {
    with_database(async |database| {
        let catalog = &database.catalog;
        enqueue(database).await;
        claim(catalog, "an old release", NO_LEASE).await;
        let job = claim(catalog, "two", LEASE).await;
        let unknown = LostWorker { name: "an old release".to_owned(), connections: vec![], fenced: false };
        assert_eq!(lost(catalog, &job).await, [unknown]);
        assert_eq!(catalog.worker_seen("an old release").await.unwrap(), Standing::Unknown);
    })
    .await;
}

#[tokio::test]
async fn only_who_holds_the_job_records_a_fence_for_it() {
    with_database(async |database| {
        let catalog = &database.catalog;
        enqueue(database).await;
        claim(catalog, "one", NO_LEASE).await;
        let late = claim(catalog, "two", NO_LEASE).await;
        let job = claim(catalog, "three", NO_LEASE).await;
        catalog.record_fenced(&late).await.unwrap();
        assert_eq!(claim(catalog, "four", LEASE).await.predecessors, ["one", "two", "three"]);
        assert_eq!(job.predecessors, ["one", "two"]);
    })
    .await;
}

#[tokio::test]
async fn workers_are_forgotten_when_nobody_may_have_to_fence_them() {
    with_database(async |database| {
        let catalog = &database.catalog;
        for name in ["lost", "holding", "gone", "alive"] {
            catalog.register_worker(name, "lab", &connections(name)).await.unwrap();
        }
        enqueue(database).await;
        claim(catalog, "lost", NO_LEASE).await;
        let job = claim(catalog, "holding", LEASE).await;
        sqlx::query("UPDATE workers SET seen_at = now() - interval '2 hours' WHERE name <> 'alive'")
            .execute(&database.sql)
            .await
            .unwrap();
        assert_eq!(catalog.reap_workers(EXPIRY).await.unwrap(), 1);
        assert_eq!(catalog.worker_seen("gone").await.unwrap(), Standing::Unknown);
        catalog.record_fenced(&job).await.unwrap();
        assert_eq!(catalog.reap_workers(EXPIRY).await.unwrap(), 0, "an entry of the blocklist is as old as the fence");
        catalog.end_job(&job, JobEnd::Done).await.unwrap();
        assert_eq!(catalog.reap_workers(EXPIRY).await.unwrap(), 1);
        assert_eq!(catalog.worker_seen("lost").await.unwrap(), Standing::Fenced);
        assert_eq!(catalog.worker_seen("alive").await.unwrap(), Standing::Known);
    })
    .await;
}
