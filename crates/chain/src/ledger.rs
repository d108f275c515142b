//! How far a copy has come for good, and the sums of what it has seen.

use std::collections::BTreeSet;

use rbd::Extent;

use crate::sums::{Delta, Deltas, REGION, merge, region_of};
use crate::table::Table;

/// The pieces of one copy, which begin in order and end in any.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    /// The image's size: where the copy ends.
    total: u64,
    /// What is settled is a multiple of this, or the whole.
    grain: u64,
    under_way: BTreeSet<u64>,
    /// All before this was begun.
    begun: u64,
    /// All before this is finished for good.
    settled: u64,
    deltas: Deltas,
    expected: Option<&'a Table>,
    /// Regions that do not have the sum that was expected, in order.
    damaged: Vec<u64>,
}

impl<'a> Ledger<'a> {
    /// A ledger of a copy of `total` bytes that begins at `start`, a multiple of `grain`, which is one of
    /// [`REGION`]. With `expected`, each region is compared as soon as it is settled.
    pub(crate) fn new(total: u64, grain: u64, start: u64, known: Deltas, expected: Option<&'a Table>) -> Self {
        debug_assert!(grain.is_multiple_of(REGION) && start.is_multiple_of(grain));
        let under_way = BTreeSet::new();
        Self { total, grain, under_way, begun: start, settled: start, deltas: known, expected, damaged: Vec::new() }
    }

    /// A piece begins. They begin in order.
    pub(crate) fn begin(&mut self, piece: Extent) {
        self.under_way.insert(piece.offset);
        self.begun = self.begun.max(piece.offset);
    }

    /// A piece has ended, and that is what it did to the sums.
    pub(crate) fn end(&mut self, piece: Extent, deltas: Deltas) {
        self.under_way.remove(&piece.offset);
        merge(&mut self.deltas, deltas);
        self.settle();
    }

    /// No more piece begins before `to`.
    pub(crate) fn reach(&mut self, to: u64) {
        self.begun = self.begun.max(to.min(self.total));
        self.settle();
    }

    fn settle(&mut self) {
        let open = self.under_way.first().copied().unwrap_or(self.begun).min(self.begun);
        let to = if open >= self.total { self.total } else { open - open % self.grain };
        if to <= self.settled {
            return;
        }
        if let Some(expected) = self.expected {
            for region in region_of(self.settled)..to.div_ceil(REGION) {
                let found = self.deltas.remove(&region).unwrap_or_default().sum;
                if found != expected.sum(region) {
                    self.damaged.push(region);
                }
            }
        }
        self.settled = to;
    }

    /// How far everything is finished, in bytes: a multiple of the grain, or the whole.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// The regions that were found to differ so far, in order.
    pub(crate) fn damaged(&self) -> &[u64] {
        &self.damaged
    }

    /// The sums of the regions from `from` up to what is settled.
    pub(crate) fn sums_since(&self, from: u64) -> Vec<(u64, u64)> {
        let regions = region_of(from)..self.settled.div_ceil(REGION);
        self.deltas.range(regions).map(|(region, delta)| (*region, delta.sum)).collect()
    }

    /// What the whole copy did to the sums, and the regions that differ from what was expected.
    pub(crate) fn close(mut self) -> (Deltas, Vec<u64>) {
        debug_assert!(self.under_way.is_empty());
        self.reach(self.total);
        (self.deltas, self.damaged)
    }
}

/// Sums that an earlier attempt took, as if this one had.
pub(crate) fn known(sums: &[(u64, u64)]) -> Deltas {
    sums.iter().map(|(region, sum)| (*region, Delta { sum: *sum, whole: true })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn piece(mib: u64) -> Extent {
        Extent { offset: mib * MIB, len: MIB }
    }

    fn sum(region: u64, sum: u64) -> Deltas {
        Deltas::from([(region, Delta { sum, whole: false })])
    }

    #[test]
    fn only_what_has_nothing_under_way_before_it_is_settled() {
        let mut ledger = Ledger::new(20 * MIB, REGION, 0, Deltas::new(), None);
        for mib in [0, 3, 5, 9, 17] {
            ledger.begin(piece(mib));
        }
        ledger.end(piece(3), sum(0, 3));
        ledger.end(piece(5), sum(1, 5));
        assert_eq!(ledger.settled(), 0);
        ledger.end(piece(0), sum(0, 1));
        assert_eq!(ledger.settled(), 8 * MIB, "the piece at 9 MiB is under way");
        assert_eq!(ledger.sums_since(0), [(0, 4), (1, 5)]);
        assert_eq!(ledger.sums_since(4 * MIB), [(1, 5)]);
        ledger.end(piece(9), sum(2, 9));
        ledger.end(piece(17), sum(4, 17));
        assert_eq!(ledger.settled(), 16 * MIB, "more may begin behind the last");
        ledger.reach(20 * MIB);
        assert_eq!(ledger.settled(), 20 * MIB);
        assert_eq!(ledger.sums_since(8 * MIB), [(2, 9), (4, 17)]);
    }

    #[test]
    fn every_region_is_compared_also_one_that_nothing_was_found_in() {
        let table = Table::of_sums(18 * MIB, &[(0, 4), (3, 1)]);
        let mut ledger = Ledger::new(18 * MIB, REGION, 0, Deltas::new(), Some(&table));
        ledger.begin(piece(1));
        ledger.begin(piece(17));
        ledger.end(piece(17), sum(4, 2));
        assert!(ledger.damaged().is_empty());
        ledger.end(piece(1), sum(0, 4));
        let (_, damaged) = ledger.close();
        assert_eq!(damaged, [3, 4], "one that lost its data, and one that gained some");
    }
}
