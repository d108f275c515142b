//! Backups, restores and deletions.

use chain::restore::Plan;
use rand::RngExt;

use super::{History, MAX_BACKUPS, MAX_VOLUMES};
use crate::interrupt::Interruption;
use crate::world::{Asked, MIB};

impl History {
    pub(super) async fn back_up(&mut self, volume: usize, incremental: bool) {
        if self.world.backups.len() >= MAX_BACKUPS {
            return self.delete().await;
        }
        let parents = if incremental { self.world.parents(volume, None) } else { Vec::new() };
        let asked = self.world.ask(volume, None, parents);
        self.make(asked).await;
    }

    pub(super) async fn back_up_snapshot(&mut self, volume: usize) {
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

    pub(super) fn describe(&self, asked: &Asked) -> String {
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
    pub(super) async fn make(&mut self, asked: Asked) {
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
    pub(super) async fn leave_stale_data(&mut self, volume: usize) {
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
    pub(super) async fn lose_the_parents_data(&mut self, volume: usize) {
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

    pub(super) async fn restore_to_new(&mut self) {
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

    pub(super) async fn restore_in_place(&mut self) {
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

    pub(super) async fn restore_elsewhere(&mut self, volume: usize) {
        let Some(backup) = self.backup() else { return self.back_up(volume, false).await };
        let interruption = if self.chance(4) { Some(self.interruption(volume)) } else { None };
        let onto = self.label(volume);
        self.say(format!("restore {} onto {onto}, interruption {interruption:?}", self.backup_label(backup)));
        let restored = self.world.restore_onto(backup, volume, interruption).await;
        self.say(format!("     {restored:?}"));
    }

    pub(super) async fn trim(&mut self) {
        let Some(backup) = self.backup().filter(|&backup| self.world.has_marker(backup)) else {
            let volume = self.volume();
            return self.write(volume).await;
        };
        self.say(format!("take the marker of {} from its volume", self.backup_label(backup)));
        self.world.trim_marker(backup).await;
    }

    pub(super) async fn clean_up_failed(&mut self) {
        let Some(failed) = self.world.failed.first().cloned() else { return self.delete().await };
        self.say(format!("clean up after {}", failed.label));
        self.world.abandon(&failed).await;
        self.world.check_backups().await;
    }

    pub(super) async fn delete(&mut self) {
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
