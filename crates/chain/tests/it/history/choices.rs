//! What a history chooses at random.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rbd::Features;

use super::History;
use crate::interrupt::Interruption;
use crate::world::{KIB, MIB, Shape};

impl History {
    pub(super) fn chance(&mut self, one_in: u32) -> bool {
        self.rng.random_ratio(1, one_in)
    }

    // -------------------------------------------------------------------------------------------- choices

    pub(super) fn features(&mut self) -> Features {
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

    pub(super) fn size(&mut self, order: u8) -> u64 {
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

    pub(super) fn shape(&mut self) -> Shape {
        let order = *[16, 16, 17, 18, 18, 20, 20, 21, 22, 22, 22, 23].choose(&mut self.rng).unwrap();
        let (size, features) = (self.size(order), self.features());
        let stripes =
            self.chance(16).then(|| (1 << (order - self.rng.random_range(1..3)), self.rng.random_range(2..4)));
        Shape { size, order, features, stripes }
    }

    pub(super) fn volume(&mut self) -> usize {
        self.rng.random_range(0..self.world.volumes.len())
    }

    pub(super) fn label(&self, volume: usize) -> String {
        self.world.volumes[volume].label.clone()
    }

    pub(super) fn len(&self, volume: usize) -> u64 {
        self.world.volumes[volume].bytes.len() as u64
    }

    /// A place in a volume.
    pub(super) fn place(&mut self, volume: usize) -> (u64, u64) {
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

    pub(super) fn interruption(&mut self, volume: usize) -> Interruption {
        let bytes = self.rng.random_range(0..=self.len(volume));
        match self.rng.random_range(0..4) {
            0 => Interruption::RefuseStep(self.rng.random_range(1..6)),
            1 => Interruption::CancelAtStep(self.rng.random_range(0..6)),
            _ => Interruption::CancelAfter(bytes),
        }
    }

    pub(super) fn backup(&mut self) -> Option<usize> {
        let count = self.world.backups.len();
        (count > 0).then(|| self.rng.random_range(0..count))
    }

    pub(super) fn backup_label(&self, backup: usize) -> String {
        let Some(backup) = self.world.backups.get(backup) else { return String::new() };
        format!("{} (of {})", backup.label, self.label(backup.volume))
    }

    // ---------------------------------------------------------------------------------------------- steps
}
