//! Arithmetic on lists of extents.

use std::ops::Range;

use rbd::Extent;

/// The union of two ascending lists, as an ascending list without overlaps or touching neighbours.
pub(crate) fn union(mut a: Vec<Extent>, b: &[Extent]) -> Vec<Extent> {
    a.extend_from_slice(b);
    a.sort_unstable_by_key(|extent| extent.offset);
    let mut merged: Vec<Extent> = Vec::with_capacity(a.len());
    for extent in a {
        match merged.last_mut() {
            Some(last) if extent.offset <= last.end() => last.len = last.len.max(extent.end() - last.offset),
            _ => merged.push(extent),
        }
    }
    merged
}

/// Cuts extents at multiples of `period` and at `end`, so that no piece touches two objects.
pub(crate) fn split(extents: &[Extent], period: u64, end: u64) -> Vec<Extent> {
    let mut pieces = Vec::with_capacity(extents.len());
    for extent in extents {
        let stop = extent.end().min(end);
        let mut offset = extent.offset;
        while offset < stop {
            let border = (offset / period + 1) * period;
            let len = border.min(stop) - offset;
            pieces.push(Extent { offset, len });
            offset += len;
        }
    }
    pieces
}

/// Makes an ascending list larger, so that each extent begins and ends at a multiple of `grain` or at an end of
/// `within`.
pub(crate) fn align(extents: &[Extent], grain: u64, within: Range<u64>) -> Vec<Extent> {
    let mut aligned: Vec<Extent> = Vec::with_capacity(extents.len());
    for extent in extents {
        let start = (extent.offset / grain * grain).max(within.start);
        let end = extent.end().next_multiple_of(grain).min(within.end);
        match aligned.last_mut() {
            Some(last) if start <= last.end() => last.len = last.len.max(end.saturating_sub(last.offset)),
            _ if start < end => aligned.push(Extent { offset: start, len: end - start }),
            _ => {}
        }
    }
    aligned
}

/// The first byte of an ascending list that is in none of the extents of `cover`, an ascending list without touching
/// neighbours.
pub(crate) fn first_outside(extents: &[Extent], cover: &[Extent]) -> Option<u64> {
    let mut cover = cover.iter().peekable();
    for extent in extents {
        while cover.next_if(|candidate| candidate.end() <= extent.offset).is_some() {}
        match cover.peek() {
            Some(over) if over.offset <= extent.offset && extent.end() <= over.end() => {}
            Some(over) if over.offset <= extent.offset => return Some(over.end()),
            _ => return Some(extent.offset),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn bytes(extents: &[Extent]) -> BTreeSet<u64> {
        extents.iter().flat_map(|extent| extent.offset..extent.end()).collect()
    }

    fn lists() -> impl Strategy<Value = Vec<Extent>> {
        prop::collection::vec((0_u64..200, 1_u64..40), 0..12)
            .prop_map(|raw| raw.into_iter().map(|(offset, len)| Extent { offset, len }).collect())
    }

    proptest! {
        #[test]
        fn union_has_the_bytes_of_both(a in lists(), b in lists()) {
            let expected: BTreeSet<u64> = bytes(&a).union(&bytes(&b)).copied().collect();
            let merged = union(a, &b);
            prop_assert_eq!(bytes(&merged), expected);
            prop_assert!(merged.windows(2).all(|pair| pair[0].end() < pair[1].offset));
        }

        #[test]
        fn what_is_outside_is_found_where_it_begins(a in lists(), b in lists()) {
            let (extents, cover) = (union(a, &[]), union(b, &[]));
            let covered = bytes(&cover);
            let expected = bytes(&extents).into_iter().find(|at| !covered.contains(at));
            prop_assert_eq!(first_outside(&extents, &cover), expected);
        }

        #[test]
        fn alignment_covers_whole_blocks_and_no_others(a in lists(), grain in 1_u64..20, blocks in 1_u64..30) {
            let within = 0..blocks * grain;
            let kept: Vec<Extent> = union(a, &[]).into_iter().filter(|extent| extent.end() <= within.end).collect();
            let aligned = align(&kept, grain, within.clone());
            let expected: BTreeSet<u64> =
                bytes(&kept).iter().flat_map(|at| at / grain * grain..at / grain * grain + grain).collect();
            prop_assert_eq!(bytes(&aligned), expected);
            prop_assert!(aligned.windows(2).all(|pair| pair[0].end() < pair[1].offset));
        }

        #[test]
        fn split_keeps_the_bytes_and_respects_the_borders(a in lists(), period in 1_u64..50, end in 0_u64..250) {
            let merged = union(a, &[]);
            let pieces = split(&merged, period, end);
            let expected: BTreeSet<u64> = bytes(&merged).into_iter().filter(|at| *at < end).collect();
            prop_assert_eq!(bytes(&pieces), expected);
            for piece in pieces {
                prop_assert!(piece.len > 0);
                prop_assert_eq!(piece.offset / period, (piece.end() - 1) / period);
            }
        }
    }
}
