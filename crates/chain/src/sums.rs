//! Checksums of what an image holds: one number for each 4 MiB of it.
//!
//! A region's sum is the sum, modulo 2^64, of the hashes of its 4 KiB blocks, each hashed together with its place
//! in the image; a block of zeroes counts as 0. So a region that holds nothing has the sum 0, and an increment
//! that changes a few blocks of a region can bring its sum forward by knowing the old and the new content of
//! those blocks alone. What lies behind an image's end counts as zeroes.
//!
//! They find what hardware and software get wrong. They are no protection from somebody who wants to deceive.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::blocks::{BLOCK, is_zero};

/// How much of an image has one sum, bytes, whatever the size of its objects.
pub(crate) const REGION: u64 = 4 << 20;

/// [`BLOCK`], as the length of a buffer.
const BLOCK_LEN: usize = 4096;

/// What a piece of data does to the sums of the regions that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delta {
    /// To be added.
    pub(crate) sum: u64,
    /// Whether the whole region was seen, so that what its sum was before does not matter.
    pub(crate) whole: bool,
}

/// The regions that were touched, with what became of them.
pub(crate) type Deltas = BTreeMap<u64, Delta>;

/// The region that a place of an image is in.
pub(crate) fn region_of(offset: u64) -> u64 {
    offset / REGION
}

/// Calls `each` with the region and the sum of every part of `data`, which lies at `offset`, a multiple of
/// [`BLOCK`].
fn parts(offset: u64, data: &[u8], mut each: impl FnMut(u64, u64)) {
    debug_assert!(offset.is_multiple_of(BLOCK));
    for (index, block) in (offset / BLOCK..).zip(data.chunks(BLOCK_LEN)) {
        let sum = block_sum(index, block);
        if sum != 0 {
            each(index / (REGION / BLOCK), sum);
        }
    }
}

fn block_sum(index: u64, block: &[u8]) -> u64 {
    if is_zero(block) {
        return 0;
    }
    if block.len() == BLOCK_LEN {
        return xxh3_64_with_seed(block, index);
    }
    // the last block of an image that ends within it
    let mut whole = [0; BLOCK_LEN];
    whole[..block.len()].copy_from_slice(block);
    xxh3_64_with_seed(&whole, index)
}

/// Adds data that is there now.
pub(crate) fn add(deltas: &mut Deltas, offset: u64, data: &[u8]) {
    parts(offset, data, |region, sum| {
        let delta = deltas.entry(region).or_default();
        delta.sum = delta.sum.wrapping_add(sum);
    });
}

/// Takes away data that was there before.
pub(crate) fn subtract(deltas: &mut Deltas, offset: u64, data: &[u8]) {
    parts(offset, data, |region, sum| {
        let delta = deltas.entry(region).or_default();
        delta.sum = delta.sum.wrapping_sub(sum);
    });
}

/// Merges what two pieces did.
pub(crate) fn merge(into: &mut Deltas, from: Deltas) {
    for (region, delta) in from {
        let known = into.entry(region).or_default();
        known.sum = known.sum.wrapping_add(delta.sum);
        known.whole |= delta.whole;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: usize = 4 << 20;

    /// The sums of a whole image, without those that are 0.
    fn of(image: &[u8]) -> BTreeMap<u64, u64> {
        let mut deltas = Deltas::new();
        add(&mut deltas, 0, image);
        deltas.into_iter().map(|(region, delta)| (region, delta.sum)).filter(|(_, sum)| *sum != 0).collect()
    }

    #[test]
    fn zeroes_have_the_sum_0_and_every_block_and_place_counts() {
        let mut image = vec![0_u8; 2 * SIZE + 100];
        assert!(of(&image).is_empty());
        image[5] = 1;
        let first = of(&image);
        assert_eq!(first.keys().copied().collect::<Vec<_>>(), [0]);
        image[5] = 0;
        image[5 + BLOCK_LEN] = 1;
        assert_ne!(of(&image), first, "the same block at another place");
        image[2 * SIZE + 99] = 1;
        assert_eq!(of(&image).keys().copied().collect::<Vec<_>>(), [0, 2]);
        let short = of(&image);
        image.resize(3 * SIZE, 0);
        assert_eq!(of(&image), short, "what lies behind the end counts as zeroes");
    }

    proptest! {
        #[test]
        fn sums_are_brought_forward_by_what_changed(
            old in prop::collection::vec((0_u8..4, 1_usize..9), 1..600),
            changed in prop::collection::vec((0_usize..4000, 1_usize..40, 0_u8..4), 0..6),
        ) {
            let mut image: Vec<u8> =
                old.into_iter().flat_map(|(byte, blocks)| vec![byte; blocks * BLOCK_LEN]).collect();
            let mut sums = of(&image);
            for (at, blocks, byte) in changed {
                let start = (at * BLOCK_LEN).min(image.len());
                let end = (start + blocks * BLOCK_LEN).min(image.len());
                let mut deltas = Deltas::new();
                subtract(&mut deltas, start as u64, &image[start..end]);
                image[start..end].fill(byte);
                add(&mut deltas, start as u64, &image[start..end]);
                for (region, delta) in deltas {
                    let sum = sums.entry(region).or_default();
                    *sum = sum.wrapping_add(delta.sum);
                }
            }
            sums.retain(|_, sum| *sum != 0);
            prop_assert_eq!(sums, of(&image));
        }
    }
}
