//! Random histories of volumes and their backups.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CHAIN_HISTORIES` | how many histories | 12, or 1 with `CHAIN_SEED` |
//! | `CHAIN_STEPS` | how many steps each has | 20 |
//! | `CHAIN_SEED` | the seed of the first; the next ones count up from it | random |
//!
//! A history follows from its seed alone. A failure prints the seed and what had been done.

mod backups;
mod choices;
mod volumes;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

use crate::cluster::Ceph;
use crate::world::{Tally, World};

/// How many histories go on at the same time.
const AT_ONCE: usize = 4;

/// A history that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(10);

/// A history stops making volumes at this many.
const MAX_VOLUMES: usize = 4;

/// ... and making backups at this many.
const MAX_BACKUPS: usize = 9;

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_keep_every_byte() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("CHAIN_SEED");
    let histories = number("CHAIN_HISTORIES").unwrap_or(if seed.is_some() { 1 } else { 12 });
    let steps = number("CHAIN_STEPS").unwrap_or(20);
    let first = seed.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0 >> 24);
    println!("{histories} histories of {steps} steps, seeds from {first}");

    let began = Instant::now();
    let ceph = Arc::new(Ceph::with_own_pools().await);
    let mut running = JoinSet::new();
    let mut waiting = first..first + histories;
    let mut failures = Vec::new();
    let mut tally = Tally::default();
    loop {
        while running.len() < AT_ONCE && failures.is_empty() {
            let Some(seed) = waiting.next() else { break };
            let log = Arc::new(Mutex::new(Vec::new()));
            let history = History::new(ceph.clone(), seed, log.clone());
            running.spawn(async move { (seed, log, run(history, steps).await) });
        }
        let Some(ended) = running.join_next().await else { break };
        let (seed, log, outcome) = ended.unwrap();
        match outcome {
            Ok(done) => tally += done,
            Err(why) => failures.push(report(seed, &log.lock().unwrap(), &why)),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    nothing_is_left(&ceph).await;
    Arc::into_inner(ceph).unwrap().drop_pools().await;
    println!("{histories} histories of {steps} steps, {tally:?}: {:.1} s", began.elapsed().as_secs_f64());
}

type Log = Arc<Mutex<Vec<String>>>;

/// Runs one history in a task of its own, so that a panic in it can be reported with what led to it.
async fn run(history: History, steps: u64) -> Result<Tally, String> {
    let mut alone = JoinSet::new();
    alone.spawn(history.run(steps));
    match tokio::time::timeout(PATIENCE, alone.join_next()).await {
        Err(_) => Err(format!("it hangs: no end after {PATIENCE:?}")),
        Ok(ended) => ended.unwrap().map_err(text_of),
    }
}

fn text_of(error: JoinError) -> String {
    let panic = match error.try_into_panic() {
        Ok(panic) => panic,
        Err(error) => return error.to_string(),
    };
    let owned = panic.downcast_ref::<String>().cloned();
    owned.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default()
}

fn report(seed: u64, log: &[String], why: &str) -> String {
    let mut text = format!("history {seed} failed: {why}\nto replay it: CHAIN_SEED={seed}\nwhat it did:\n");
    for line in log {
        writeln!(text, "  {line}").unwrap();
    }
    text
}

/// After all histories the pools hold only what RBD itself keeps in every pool.
async fn nothing_is_left(ceph: &Ceph) {
    for pool in [&ceph.pools.volumes, &ceph.pools.backups] {
        let mut left = Vec::new();
        for object in pool.objects("").await.unwrap() {
            // the list has objects, too, of which the cluster has yet to trim the last snapshot
            if !OF_RBD.contains(&object.as_str()) && pool.object_exists(&object).await.unwrap() {
                left.push(object);
            }
        }
        assert!(left.is_empty(), "left in pool {}: {left:?}", pool.name());
    }
}

const OF_RBD: [&str; 5] = ["rbd_directory", "rbd_children", "rbd_info", "rbd_trash", "rbd_header"];

struct History {
    world: World,
    rng: StdRng,
    log: Log,
    /// Places that were touched before: worth touching again.
    touched: Vec<(u64, u64)>,
    step: u64,
}

impl History {
    fn new(ceph: Arc<Ceph>, seed: u64, log: Log) -> Self {
        Self { world: World::new(ceph), rng: StdRng::seed_from_u64(seed), log, touched: Vec::new(), step: 0 }
    }

    async fn run(mut self, steps: u64) -> Tally {
        self.begin().await;
        for step in 1..=steps {
            self.step = step;
            self.step().await;
        }
        let Self { world, mut rng, log, .. } = self;
        log.lock().unwrap().push("the end: everything is compared and removed".to_owned());
        world.end(&mut rng).await
    }

    fn say(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(format!("{:>3}. {}", self.step, what.into()));
    }

    async fn begin(&mut self) {
        let shape = self.shape();
        let volume = self.world.add_volume(shape).await;
        self.say(format!("{} {shape:?}", self.label(volume)));
        for _ in 0..self.rng.random_range(0..3) {
            self.write(volume).await;
        }
        if self.chance(3) {
            let snapshot = self.snapshot(volume).await;
            self.clone_of(volume, snapshot).await;
        }
    }

    async fn step(&mut self) {
        let volume = self.volume();
        match self.rng.random_range(0..100) {
            0..20 => self.write(volume).await,
            20..28 => self.discard(volume).await,
            28..34 => self.zero(volume).await,
            34..40 => self.resize(volume).await,
            40..45 => drop(self.snapshot(volume).await),
            45..48 => self.delete_snapshot(volume).await,
            48..51 => self.clone_any(volume).await,
            51..55 => self.flatten(volume).await,
            55..58 => self.roll_back(volume).await,
            58..60 => self.attach(volume).await,
            60..63 => self.back_up(volume, false).await,
            63..73 => self.back_up(volume, true).await,
            73..77 => self.back_up_snapshot(volume).await,
            77..81 => self.leave_stale_data(volume).await,
            81..84 => self.lose_the_parents_data(volume).await,
            84..87 => self.restore_to_new().await,
            87..90 => self.restore_in_place().await,
            90..94 => self.restore_elsewhere(volume).await,
            94..95 => self.trim().await,
            95..96 => self.clean_up_failed().await,
            _ => self.delete().await,
        }
    }
}
