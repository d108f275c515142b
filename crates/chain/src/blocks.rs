//! Looks at a piece of data block by block: what must be written, what must become a hole, what can stay.

use std::ops::Range;

/// The granularity at which zeroes and differences are found and data is summed, bytes: what BlueStore allocates in.
pub(crate) const BLOCK: u64 = 4096;

/// A gap between two runs of data that is shorter than this is written with them, bytes: one larger write
/// costs less than two, and the gap holds the right bytes.
const MIN_GAP: usize = 16 * 1024;

/// What is to be done with a run of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing: the target has these bytes already.
    Keep,
    /// Make it a hole.
    Zero,
    /// Write the bytes.
    Write,
}

/// What is known of the target.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// It reads as zeroes here: zeroes need not be written.
    Empty,
    /// Nothing is known.
    Unknown,
    /// It holds these bytes; shorter than the data where the target ends or reads as zeroes.
    Holds(&'a [u8]),
}

/// Whether all bytes are zero.
pub(crate) fn is_zero(data: &[u8]) -> bool {
    let mut chunks = data.chunks_exact(64);
    // the fold has no exit inside a chunk, so that it becomes vector instructions
    chunks.all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
        && data.chunks_exact(64).remainder().iter().all(|byte| *byte == 0)
}

/// The runs of a piece of data that lies at `offset` of an image, as ranges of the piece, in order, without
/// those to keep.
pub(crate) fn runs(offset: u64, data: &[u8], target: Target<'_>) -> Vec<(Range<usize>, Action)> {
    let mut runs: Vec<(Range<usize>, Action)> = Vec::new();
    let len = data.len();
    let mut at = 0;
    while at < len {
        // blocks are aligned in the image, not in the piece
        let to_border = usize::try_from(BLOCK - (offset + at as u64) % BLOCK).unwrap_or(len);
        let end = (at + to_border).min(len);
        let action = classify(at..end, data, target);
        match runs.last_mut() {
            Some((range, last)) if *last == action => range.end = end,
            _ => runs.push((at..end, action)),
        }
        at = end;
    }
    join_over_gaps(runs)
}

fn classify(block: Range<usize>, data: &[u8], target: Target<'_>) -> Action {
    let new = &data[block.clone()];
    let zero = is_zero(new);
    let same = match target {
        Target::Empty => zero,
        Target::Unknown => false,
        Target::Holds(old) => {
            let old = &old[block.start.min(old.len())..block.end.min(old.len())];
            old == &new[..old.len()] && is_zero(&new[old.len()..])
        }
    };
    if same {
        Action::Keep
    } else if zero {
        Action::Zero
    } else {
        Action::Write
    }
}

/// Joins writes over short gaps, and drops what is to be kept.
fn join_over_gaps(runs: Vec<(Range<usize>, Action)>) -> Vec<(Range<usize>, Action)> {
    let mut joined: Vec<(Range<usize>, Action)> = Vec::with_capacity(runs.len());
    let mut gap: Vec<(Range<usize>, Action)> = Vec::new();
    for (range, action) in runs {
        if action != Action::Write {
            gap.push((range, action));
            continue;
        }
        match joined.last_mut() {
            Some((last, Action::Write)) if range.start - last.end < MIN_GAP => {
                last.end = range.end;
                gap.clear();
            }
            _ => {
                joined.append(&mut gap);
                joined.push((range, Action::Write));
            }
        }
    }
    joined.append(&mut gap);
    joined.retain(|(_, action)| *action != Action::Keep);
    joined
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(target: &mut [u8], data: &[u8], runs: &[(Range<usize>, Action)]) {
        for (range, action) in runs {
            match action {
                Action::Keep => panic!("kept runs are not given"),
                Action::Zero => target[range.clone()].fill(0),
                Action::Write => target[range.clone()].copy_from_slice(&data[range.clone()]),
            }
        }
    }

    /// Data with runs of zeroes and of bytes.
    fn content(max: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec((0_u8..3, 1_usize..30_000), 0..12).prop_map(move |parts| {
            let mut data: Vec<u8> = parts.into_iter().flat_map(|(byte, len)| std::iter::repeat_n(byte, len)).collect();
            data.truncate(max);
            data
        })
    }

    proptest! {
        #[test]
        fn after_the_runs_the_target_is_the_data(
            offset in 0_u64..10_000, data in content(200_000), old in content(200_000), mode in 0..3,
        ) {
            let len = data.len();
            let mut target = if mode == 0 { Vec::new() } else { old.clone() };
            target.resize(len, 0);
            let known = match mode {
                0 => Target::Empty,
                1 => Target::Unknown,
                _ => Target::Holds(&old[..old.len().min(len)]),
            };
            let runs = runs(offset, &data, known);
            prop_assert!(runs.iter().all(|(range, _)| !range.is_empty()));
            apply(&mut target, &data, &runs);
            prop_assert_eq!(target, data);
        }
    }

    #[test]
    fn long_zero_runs_are_holes_and_short_ones_are_written() {
        let mut data = vec![0_u8; 256 * 1024];
        data[..4096].fill(1);
        data[8192..12288].fill(1); // 4 KiB of zeroes before it
        data[131_072..135_168].fill(1);
        assert_eq!(
            runs(0, &data, Target::Unknown),
            [
                (0..12288, Action::Write),
                (12288..131_072, Action::Zero),
                (131_072..135_168, Action::Write),
                (135_168..262_144, Action::Zero)
            ]
        );
        assert_eq!(runs(0, &data, Target::Empty), [(0..12288, Action::Write), (131_072..135_168, Action::Write)]);
        assert_eq!(runs(0, &data, Target::Holds(&data)), []);
    }

    #[test]
    fn zero_detection_sees_every_byte() {
        for len in [0, 1, 63, 64, 65, 127, 4096, 4099] {
            let mut data = vec![0_u8; len];
            assert!(is_zero(&data));
            for at in 0..len {
                data[at] = 1;
                assert!(!is_zero(&data), "{at} of {len}");
                data[at] = 0;
            }
        }
    }
}
