//! Random histories of volumes and their backups.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CHAIN_HISTORIES` | how many histories | 12, or 1 with `CHAIN_SEED` |
//! | `CHAIN_STEPS` | how many steps each has | 20 |
//! | `CHAIN_SEED` | the seed of the first; the next ones count up from it | random |
//!
//! A history follows from its seed alone. A failure prints the seed and what had been done.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chain::restore::Plan;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rbd::Features;
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

use crate::cluster::Ceph;
use crate::interrupt::Interruption;
use crate::world::{Asked, KIB, MIB, Shape, Tally, World, noise};

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
        for object in pool.objects().await.unwrap() {
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

    fn chance(&mut self, one_in: u32) -> bool {
        self.rng.random_ratio(1, one_in)
    }

    // -------------------------------------------------------------------------------------------- choices

    fn features(&mut self) -> Features {
        let all = [
            Features::LAYERING,
            Features::EXCLUSIVE_LOCK,
            Features::OBJECT_MAP,
            Features::FAST_DIFF,
            Features::DEEP_FLATTEN,
        ];
        // each needs those before it, except the last
        let upto = *[1, 1, 2, 3, 4, 4, 5, 5].choose(&mut self.rng).unwrap();
        let chosen = all[..upto].iter().copied().reduce(Features::with).unwrap();
        if self.chance(6) { chosen.with(Features::DEEP_FLATTEN) } else { chosen }
    }

    fn size(&mut self, order: u8) -> u64 {
        let object = 1_u64 << order;
        let most = match order {
            ..=17 => 3 * MIB,
            18..=19 => 8 * MIB,
            20..=21 => 14 * MIB,
            _ => 4 * object,
        };
        let size = self.rng.random_range(object..=most);
        // whole MiB, whole objects, sectors behind them (a LUKS header), or whatever
        let size = match self.rng.random_range(0..8) {
            0..3 => size.next_multiple_of(MIB),
            3..5 => size.next_multiple_of(object),
            5..7 => size.next_multiple_of(512),
            _ => size,
        };
        if self.chance(40) { size + 48 * MIB } else { size }
    }

    fn shape(&mut self) -> Shape {
        let order = *[16, 16, 17, 18, 18, 20, 20, 21, 22, 22, 22, 23].choose(&mut self.rng).unwrap();
        let (size, features) = (self.size(order), self.features());
        let stripes =
            self.chance(16).then(|| (1 << (order - self.rng.random_range(1..3)), self.rng.random_range(2..4)));
        Shape { size, order, features, stripes }
    }

    fn volume(&mut self) -> usize {
        self.rng.random_range(0..self.world.volumes.len())
    }

    fn label(&self, volume: usize) -> String {
        self.world.volumes[volume].label.clone()
    }

    fn len(&self, volume: usize) -> u64 {
        self.world.volumes[volume].bytes.len() as u64
    }

    /// A place in a volume.
    fn place(&mut self, volume: usize) -> (u64, u64) {
        let size = self.len(volume);
        let mut offset = self.rng.random_range(0..size);
        let mut len = match self.rng.random_range(0..4) {
            0 => self.rng.random_range(1..=8 * KIB),
            1 => self.rng.random_range(1..=300 * KIB),
            _ => self.rng.random_range(1..=2 * MIB),
        };
        match self.rng.random_range(0..8) {
            0 => offset &= !0xfff,
            1 | 2 => {
                // whole objects
                let object = 1_u64 << self.rng.random_range(16..=22_u32);
                offset &= !(object - 1);
                len = len.next_multiple_of(object);
            }
            3 => (offset, len) = (size.saturating_sub(len), len), // the tail
            4 | 5 if !self.touched.is_empty() => (offset, len) = *self.touched.choose(&mut self.rng).unwrap(),
            _ => {}
        }
        if offset >= size {
            offset = 0;
        }
        len = len.min(size - offset);
        self.touched.push((offset, len));
        (offset, len)
    }

    fn interruption(&mut self, volume: usize) -> Interruption {
        let bytes = self.rng.random_range(0..=self.len(volume));
        match self.rng.random_range(0..4) {
            0 => Interruption::RefuseStep(self.rng.random_range(1..6)),
            1 => Interruption::CancelAtStep(self.rng.random_range(0..6)),
            _ => Interruption::CancelAfter(bytes),
        }
    }

    fn backup(&mut self) -> Option<usize> {
        let count = self.world.backups.len();
        (count > 0).then(|| self.rng.random_range(0..count))
    }

    fn backup_label(&self, backup: usize) -> String {
        let Some(backup) = self.world.backups.get(backup) else { return String::new() };
        format!("{} (of {})", backup.label, self.label(backup.volume))
    }

    // ---------------------------------------------------------------------------------------------- steps

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

    async fn write(&mut self, volume: usize) {
        let (offset, len) = self.place(volume);
        let mut data = noise(self.rng.random_range(0..u64::MAX), len);
        let mut holes = String::new();
        for _ in 0..self.rng.random_range(0..3) {
            let from = self.rng.random_range(0..data.len());
            let to = self.rng.random_range(from..=data.len());
            data[from..to].fill(0);
            write!(holes, ", zeroes at {from}+{}", to - from).unwrap();
        }
        self.say(format!("write {} at {offset}+{len}{holes}", self.label(volume)));
        self.world.write(volume, offset, data).await;
    }

    async fn discard(&mut self, volume: usize) {
        let (offset, len) = self.place(volume);
        self.say(format!("discard {} at {offset}+{len}", self.label(volume)));
        self.world.discard(volume, offset, len).await;
    }

    async fn zero(&mut self, volume: usize) {
        let (offset, len) = self.place(volume);
        self.say(format!("write zeroes {} at {offset}+{len}", self.label(volume)));
        self.world.write_zeroes(volume, offset, len).await;
    }

    async fn resize(&mut self, volume: usize) {
        let now = self.len(volume);
        let size = match self.rng.random_range(0..4) {
            0 => self.rng.random_range(1..=now),
            1 => (now / 2).next_multiple_of(64 * KIB),
            2 => now + self.rng.random_range(1..=4 * MIB),
            _ => (now + self.rng.random_range(1..=4 * MIB)).next_multiple_of(MIB),
        };
        self.say(format!("resize {} from {now} to {size}", self.label(volume)));
        self.world.resize(volume, size).await;
        // there and back again: what was behind the smaller size is gone
        if size < now && self.chance(2) {
            self.say(format!("resize {} back to {now}", self.label(volume)));
            self.world.resize(volume, now).await;
        }
    }

    async fn snapshot(&mut self, volume: usize) -> usize {
        let snapshot = self.world.snapshot(volume).await;
        self.say(format!(
            "snapshot {} of {}",
            self.world.volumes[volume].snapshots[snapshot].label,
            self.label(volume)
        ));
        snapshot
    }

    async fn delete_snapshot(&mut self, volume: usize) {
        let free: Vec<usize> = (0..self.world.volumes[volume].snapshots.len())
            .filter(|&snapshot| !self.world.volumes[volume].snapshots[snapshot].cloned)
            .collect();
        let Some(&snapshot) = free.choose(&mut self.rng) else { return self.write(volume).await };
        // what it was taken for may not be backed up yet: a failed backup of it can only be cleaned up
        let id = self.world.volumes[volume].snapshots[snapshot].id;
        if self.world.failed.iter().any(|failed| failed.request.snapshot == Some(id)) {
            return self.clean_up_failed().await;
        }
        self.say(format!("delete snapshot {}", self.world.volumes[volume].snapshots[snapshot].label));
        self.world.delete_snapshot(volume, snapshot).await;
    }

    async fn clone_any(&mut self, volume: usize) {
        let snapshot = match self.world.volumes[volume].snapshots.len() {
            0 => self.snapshot(volume).await,
            count => self.rng.random_range(0..count),
        };
        self.clone_of(volume, snapshot).await;
    }

    async fn clone_of(&mut self, volume: usize, snapshot: usize) {
        if self.world.volumes.len() >= MAX_VOLUMES {
            return self.write(volume).await;
        }
        let features = self.features();
        let clone = self.world.clone_of(volume, snapshot, features).await;
        let of = &self.world.volumes[volume].snapshots[snapshot].label;
        self.say(format!("{} is a clone of {of} with {features:?}", self.label(clone)));
    }

    async fn flatten(&mut self, volume: usize) {
        if !self.world.volumes[volume].is_clone {
            return self.discard(volume).await;
        }
        self.say(format!("flatten {}", self.label(volume)));
        self.world.flatten(volume).await;
    }

    async fn roll_back(&mut self, volume: usize) {
        let count = self.world.volumes[volume].snapshots.len();
        if count == 0 {
            return self.zero(volume).await;
        }
        let snapshot = self.rng.random_range(0..count);
        self.say(format!(
            "roll {} back to {}",
            self.label(volume),
            self.world.volumes[volume].snapshots[snapshot].label
        ));
        self.world.roll_back(volume, snapshot).await;
    }

    async fn attach(&mut self, volume: usize) {
        if self.world.volumes[volume].guest.is_some() {
            self.say(format!("detach {}", self.label(volume)));
            self.world.detach(volume).await;
        } else {
            self.say(format!("attach {}", self.label(volume)));
            self.world.attach(volume).await;
        }
    }

    async fn back_up(&mut self, volume: usize, incremental: bool) {
        if self.world.backups.len() >= MAX_BACKUPS {
            return self.delete().await;
        }
        let parents = if incremental { self.world.parents(volume, None) } else { Vec::new() };
        let asked = self.world.ask(volume, None, parents);
        self.make(asked).await;
    }

    async fn back_up_snapshot(&mut self, volume: usize) {
        if self.world.backups.len() >= MAX_BACKUPS {
            return self.delete().await;
        }
        let snapshot = match self.world.volumes[volume].snapshots.len() {
            0 => self.snapshot(volume).await,
            count => self.rng.random_range(0..count),
        };
        let parents = if self.chance(4) { Vec::new() } else { self.world.parents(volume, Some(snapshot)) };
        let asked = self.world.ask(volume, Some(snapshot), parents);
        self.make(asked).await;
    }

    fn describe(&self, asked: &Asked) -> String {
        let volume = &self.world.volumes[asked.volume];
        let of = asked.request.snapshot.and_then(|id| volume.snapshots.iter().find(|snapshot| snapshot.id == id));
        let parents: Vec<&str> = asked
            .request
            .parents
            .iter()
            .filter_map(|parent| self.world.backups.iter().find(|backup| backup.id() == parent.backup))
            .map(|backup| backup.label.as_str())
            .collect();
        let of = of.map_or(&volume.label, |snapshot| &snapshot.label);
        format!("back up {of} as {}, candidates for the parent {parents:?}", asked.label)
    }

    /// Makes a backup, perhaps not at once, perhaps not at all.
    async fn make(&mut self, asked: Asked) {
        self.say(self.describe(&asked));
        for _ in 0..2 {
            if self.chance(4) {
                let mut interruption = self.interruption(asked.volume);
                // a backup of a snapshot has no marker whose name both attempts would use (see `create`)
                if asked.request.snapshot.is_none()
                    && self.chance(3)
                    && let Interruption::CancelAfter(bytes) = interruption
                {
                    interruption = Interruption::DropAfter(bytes);
                }
                let dropped = matches!(interruption, Interruption::DropAfter(_));
                self.say(format!("     interrupted: {interruption:?}"));
                if self.world.interrupt_create(&asked, interruption).await.is_some() {
                    self.say("     it did not notice");
                    return self.world.check_backups().await;
                }
                if self.chance(2) {
                    self.write(asked.volume).await;
                }
                if dropped {
                    continue; // parts of it may still be under way
                }
                match self.rng.random_range(0..4) {
                    0 => {
                        self.say("     abandoned");
                        self.world.abandon(&asked).await;
                        return self.world.check_backups().await;
                    }
                    1 => {
                        self.say("     left as it is");
                        self.world.failed.push(asked);
                        return self.world.check_backups().await;
                    }
                    _ => self.say("     again"),
                }
            }
        }
        let made = self.world.create(&asked).await.unwrap();
        let parent = self.world.backups[made].created.parent;
        let parent =
            parent.map(|id| self.world.backups.iter().find(|backup| backup.id() == id).map(|b| b.label.clone()));
        self.say(format!("     made, parent {parent:?}"));
        self.world.check_backups().await;
    }

    /// Aims at what hides best: data that is written and discarded again between two backups, with one in the
    /// middle that has taken it along and is no more. Then it is a hole at both ends of the difference, while
    /// the head of the base still holds it.
    async fn leave_stale_data(&mut self, volume: usize) {
        if self.world.backups.len() + 2 >= MAX_BACKUPS {
            return self.delete().await;
        }
        if self.world.parents(volume, None).is_empty() {
            self.back_up(volume, false).await;
        }
        self.write(volume).await;
        let (offset, len) = *self.touched.last().unwrap();
        let parents = self.world.parents(volume, None);
        let asked = self.world.ask(volume, None, parents);
        self.say(self.describe(&asked));
        if self.chance(2) {
            let size = self.len(volume);
            self.say(format!("     interrupted after {size}, abandoned"));
            if self.world.interrupt_create(&asked, Interruption::CancelAfter(size)).await.is_none() {
                self.world.abandon(&asked).await;
            }
        } else {
            let made = self.world.create(&asked).await.unwrap();
            self.say("     made, and deleted");
            self.world.delete(made).await.unwrap();
        }
        match self.rng.random_range(0..3) {
            0 => {
                let end = (offset + len).next_multiple_of(4 * MIB).min(self.len(volume));
                let offset = offset & !(4 * MIB - 1);
                self.say(format!("discard {} at {offset}+{}", self.label(volume), end - offset));
                self.world.discard(volume, offset, end - offset).await;
            }
            1 => {
                self.say(format!("write zeroes {} at {offset}+{len}", self.label(volume)));
                self.world.write_zeroes(volume, offset, len).await;
            }
            _ => {
                let size = self.len(volume);
                self.say(format!("resize {} to {} and back", self.label(volume), offset.max(1)));
                self.world.resize(volume, offset.max(1)).await;
                self.world.resize(volume, size).await;
            }
        }
        self.back_up(volume, true).await;
    }

    /// Aims at the parent's data of a clone: where the clone has no object of its own, it goes when the clone
    /// is made smaller and does not come back with the size. No object's snapshots tell of that.
    async fn lose_the_parents_data(&mut self, volume: usize) {
        if self.world.backups.len() + 2 >= MAX_BACKUPS {
            return self.delete().await;
        }
        let clone = match self.world.volumes.iter().rposition(|volume| volume.is_clone) {
            Some(clone) => clone,
            None if self.world.volumes.len() < MAX_VOLUMES => {
                self.write(volume).await;
                let snapshot = self.snapshot(volume).await;
                self.clone_of(volume, snapshot).await;
                self.world.volumes.len() - 1
            }
            None => return self.write(volume).await,
        };
        if self.world.parents(clone, None).is_empty() {
            self.back_up(clone, false).await;
        }
        let (size, smaller) = (self.len(clone), self.rng.random_range(1..=self.len(clone)));
        self.say(format!("resize {} from {size} to {smaller} and back", self.label(clone)));
        self.world.resize(clone, smaller).await;
        self.world.resize(clone, size).await;
        if self.chance(3) {
            self.flatten(clone).await;
        }
        if self.chance(3) {
            self.restore_in_place().await;
        }
        self.back_up(clone, true).await;
    }

    async fn restore_to_new(&mut self) {
        let Some(backup) = self.backup() else {
            let volume = self.volume();
            return self.back_up(volume, false).await;
        };
        let mut shape = self.shape();
        shape.size = self.world.backups[backup].bytes.len() as u64;
        if self.chance(3) {
            shape.size += self.rng.random_range(1..=5 * MIB);
        }
        self.say(format!("restore {} to a new volume {shape:?}", self.backup_label(backup)));
        let target = self.world.restore_to_new(backup, shape).await;
        if self.world.volumes.len() > MAX_VOLUMES || !self.chance(4) {
            self.world.remove_last_volume().await;
        } else {
            self.say(format!("     it stays as {}", self.label(target)));
        }
    }

    async fn restore_in_place(&mut self) {
        let Some(backup) = self.backup() else {
            let volume = self.volume();
            return self.back_up(volume, false).await;
        };
        let volume = self.world.backups[backup].volume;
        let interruption = if self.chance(4) { Some(self.interruption(volume)) } else { None };
        self.say(format!("restore {} onto its volume, interruption {interruption:?}", self.backup_label(backup)));
        let marked = self.world.has_start(backup);
        let restored = self.world.restore_onto(backup, volume, interruption).await;
        self.say(format!("     {restored:?}"));
        assert!(!marked || restored.plan == Plan::Repair, "{restored:?}");
    }

    async fn restore_elsewhere(&mut self, volume: usize) {
        let Some(backup) = self.backup() else { return self.back_up(volume, false).await };
        let interruption = if self.chance(4) { Some(self.interruption(volume)) } else { None };
        let onto = self.label(volume);
        self.say(format!("restore {} onto {onto}, interruption {interruption:?}", self.backup_label(backup)));
        let restored = self.world.restore_onto(backup, volume, interruption).await;
        self.say(format!("     {restored:?}"));
    }

    async fn trim(&mut self) {
        let Some(backup) = self.backup().filter(|&backup| self.world.has_marker(backup)) else {
            let volume = self.volume();
            return self.write(volume).await;
        };
        self.say(format!("take the marker of {} from its volume", self.backup_label(backup)));
        self.world.trim_marker(backup).await;
    }

    async fn clean_up_failed(&mut self) {
        let Some(failed) = self.world.failed.first().cloned() else { return self.delete().await };
        self.say(format!("clean up after {}", failed.label));
        self.world.abandon(&failed).await;
        self.world.check_backups().await;
    }

    async fn delete(&mut self) {
        let Some(backup) = self.backup() else {
            let volume = self.volume();
            return self.write(volume).await;
        };
        self.say(format!("delete {}", self.backup_label(backup)));
        if self.chance(4) {
            let interruption = match self.rng.random_range(0..2) {
                0 => Interruption::RefuseStep(self.rng.random_range(0..4)),
                _ => Interruption::CancelAtStep(self.rng.random_range(0..4)),
            };
            let through = self.world.interrupt_delete(backup, interruption).await;
            self.say(format!("     interrupted: {interruption:?}, through: {through}"));
        }
        let deleted = self.world.delete(backup).await.unwrap();
        self.say(format!("     {deleted:?}"));
        self.world.check_backups().await;
    }
}
