//! Volumes and backups on the cluster, and beside each the bytes it must have.

mod backups;
mod checks;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{AddAssign, Range};
use std::sync::Arc;

use chain::{BaseRef, create};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rbd::{Features, Image};
use tokio::task::JoinSet;
use uuid::Uuid;

pub(crate) use self::checks::{allocated, assert_content, read_all};
use crate::cluster::Ceph;

pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;

/// How an image is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) size: u64,
    /// The object size as a power of two.
    pub(crate) order: u8,
    pub(crate) features: Features,
    /// Striping: unit in bytes, and count.
    pub(crate) stripes: Option<(u64, u64)>,
}

impl Shape {
    /// As a cloud has them.
    pub(crate) fn plain(size: u64) -> Self {
        let features = Features::LAYERING
            .with(Features::EXCLUSIVE_LOCK)
            .with(Features::OBJECT_MAP)
            .with(Features::FAST_DIFF)
            .with(Features::DEEP_FLATTEN);
        Self { size, order: 22, features, stripes: None }
    }
}

/// A snapshot that a user took.
pub(crate) struct Snapshot {
    pub(crate) id: Uuid,
    pub(crate) label: String,
    pub(crate) bytes: Arc<Vec<u8>>,
    /// When, by the world's clock.
    taken: u64,
    /// Whether clones were made of it, which may still hang on it.
    pub(crate) cloned: bool,
}

/// A volume's image.
pub(crate) struct Volume {
    pub(crate) id: Uuid,
    pub(crate) label: String,
    pub(crate) image: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) snapshots: Vec<Snapshot>,
    /// The backups whose markers it carries, with when and in which state of the volume they were made.
    pub(crate) markers: BTreeMap<Uuid, (u64, Arc<Vec<u8>>)>,
    /// Whether it is a clone that was not flattened.
    pub(crate) is_clone: bool,
    /// The open image of a guest that uses it.
    pub(crate) guest: Option<Image>,
    /// Whether how much space it takes can be compared with that of a base.
    fine_grained: bool,
}

/// An available backup.
#[derive(Clone)]
pub(crate) struct Backup {
    pub(crate) label: String,
    pub(crate) volume: usize,
    pub(crate) reference: BaseRef,
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) created: create::Created,
    /// The state that it holds, by the world's clock.
    data_time: u64,
}

impl Backup {
    pub(crate) fn id(&self) -> Uuid {
        self.reference.backup
    }
}

/// A backup that was asked for.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) label: String,
    pub(crate) volume: usize,
    pub(crate) request: create::Request,
    /// When, by the world's clock.
    at: u64,
    /// The volume's bytes then.
    bytes: Arc<Vec<u8>>,
}

/// How much was done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    full: u64,
    incremental: u64,
    interrupted: u64,
    abandoned: u64,
    deleted: u64,
    filled: u64,
    repaired: u64,
    compared: u64,
    /// Bytes that were read and compared.
    bytes_checked: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.full += other.full;
        self.incremental += other.incremental;
        self.interrupted += other.interrupted;
        self.abandoned += other.abandoned;
        self.deleted += other.deleted;
        self.filled += other.filled;
        self.repaired += other.repaired;
        self.compared += other.compared;
        self.bytes_checked += other.bytes_checked;
    }
}

/// What stands on the cluster, and what it must be.
pub(crate) struct World {
    pub(crate) ceph: Arc<Ceph>,
    pub(crate) volumes: Vec<Volume>,
    /// Oldest first.
    pub(crate) backups: Vec<Backup>,
    /// Backups that failed and were not cleaned up yet.
    pub(crate) failed: Vec<Asked>,
    /// All ids that backups ever had.
    ever: BTreeSet<Uuid>,
    clock: u64,
    counts: [usize; 3],
    pub(crate) tally: Tally,
}

/// Runs cases side by side: most of their time goes into waiting for the monitor.
pub(crate) async fn side_by_side(cases: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>) {
    cases.into_iter().map(Box::pin).collect::<JoinSet<()>>().join_all().await;
}

/// Bytes for a place that can be told from those of every other.
pub(crate) fn noise(seed: u64, len: u64) -> Vec<u8> {
    let mut data = vec![0; usize::try_from(len).unwrap()];
    StdRng::seed_from_u64(seed).fill_bytes(&mut data);
    data
}

fn range(offset: u64, len: u64) -> Range<usize> {
    usize::try_from(offset).unwrap()..usize::try_from(offset + len).unwrap()
}

impl World {
    pub(crate) fn new(ceph: Arc<Ceph>) -> Self {
        Self {
            ceph,
            volumes: Vec::new(),
            backups: Vec::new(),
            failed: Vec::new(),
            ever: BTreeSet::new(),
            clock: 0,
            counts: [0; 3],
            tally: Tally::default(),
        }
    }

    /// A world in the shared pools with one empty volume of an ordinary shape.
    pub(crate) async fn with_volume(size: u64) -> Self {
        Self::with_volume_on(&Ceph::shared().await, size).await
    }

    /// The same, on a connection that several worlds share.
    pub(crate) async fn with_volume_on(ceph: &Arc<Ceph>, size: u64) -> Self {
        let mut world = Self::new(ceph.clone());
        world.add_volume(Shape::plain(size)).await;
        world
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn label(&mut self, kind: usize, letter: char) -> String {
        self.counts[kind] += 1;
        format!("{letter}{}", self.counts[kind])
    }
}
