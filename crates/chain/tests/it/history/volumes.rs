//! What befalls volumes.

use std::fmt::Write as _;

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::{History, MAX_VOLUMES};
use crate::world::{KIB, MIB, noise};

impl History {
    pub(super) async fn write(&mut self, volume: usize) {
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

    pub(super) async fn discard(&mut self, volume: usize) {
        let (offset, len) = self.place(volume);
        self.say(format!("discard {} at {offset}+{len}", self.label(volume)));
        self.world.discard(volume, offset, len).await;
    }

    pub(super) async fn zero(&mut self, volume: usize) {
        let (offset, len) = self.place(volume);
        self.say(format!("write zeroes {} at {offset}+{len}", self.label(volume)));
        self.world.write_zeroes(volume, offset, len).await;
    }

    pub(super) async fn resize(&mut self, volume: usize) {
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

    pub(super) async fn snapshot(&mut self, volume: usize) -> usize {
        let snapshot = self.world.snapshot(volume).await;
        self.say(format!(
            "snapshot {} of {}",
            self.world.volumes[volume].snapshots[snapshot].label,
            self.label(volume)
        ));
        snapshot
    }

    pub(super) async fn delete_snapshot(&mut self, volume: usize) {
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

    pub(super) async fn clone_any(&mut self, volume: usize) {
        let snapshot = match self.world.volumes[volume].snapshots.len() {
            0 => self.snapshot(volume).await,
            count => self.rng.random_range(0..count),
        };
        self.clone_of(volume, snapshot).await;
    }

    pub(super) async fn clone_of(&mut self, volume: usize, snapshot: usize) {
        if self.world.volumes.len() >= MAX_VOLUMES {
            return self.write(volume).await;
        }
        let features = self.features();
        let clone = self.world.clone_of(volume, snapshot, features).await;
        let of = &self.world.volumes[volume].snapshots[snapshot].label;
        self.say(format!("{} is a clone of {of} with {features:?}", self.label(clone)));
    }

    pub(super) async fn flatten(&mut self, volume: usize) {
        if !self.world.volumes[volume].is_clone {
            return self.discard(volume).await;
        }
        self.say(format!("flatten {}", self.label(volume)));
        self.world.flatten(volume).await;
    }

    pub(super) async fn roll_back(&mut self, volume: usize) {
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

    pub(super) async fn attach(&mut self, volume: usize) {
        if self.world.volumes[volume].guest.is_some() {
            self.say(format!("detach {}", self.label(volume)));
            self.world.detach(volume).await;
        } else {
            self.say(format!("attach {}", self.label(volume)));
            self.world.attach(volume).await;
        }
    }
}
