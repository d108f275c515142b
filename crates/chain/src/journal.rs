//! What an interrupted copy need not do again.
//!
//! A copy goes through an image in order. What lies before the first byte that is still under way is finished for
//! good, because a write that was answered is on the disks. That place, with the checksums of what lies before
//! it, is told now and then to whoever keeps the job's record, and given back to a later attempt.
//!
//! An entry is only worth something for the very copy that it was made of: it names the images and snapshots by
//! their ids, which are never given twice.

use std::future::Future;
use std::pin::Pin;

use crate::control::Interrupted;

/// A part of a copy that is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Which copy: from what to what.
    pub what: String,
    /// How far, in bytes from the image's start.
    pub up_to: u64,
    /// The checksums of what was copied since the entry before, by the number of the region.
    pub sums: Vec<(u64, u64)>,
}

/// Records a part that is finished. `false` when that could not be done now: it is then part of the next call.
pub type JournalWriter =
    Box<dyn Fn(Finished) -> Pin<Box<dyn Future<Output = std::result::Result<bool, Interrupted>> + Send>> + Send + Sync>;

/// What earlier attempts have finished, and where to record what this one does.
pub struct Journal {
    /// All that earlier attempts have recorded, as one.
    pub earlier: Option<Finished>,
    /// Records more of it.
    pub write: JournalWriter,
}

impl Journal {
    /// A journal that remembers nothing.
    pub fn none() -> Self {
        Self { earlier: None, write: Box::new(|_| Box::pin(std::future::ready(Ok(false)))) }
    }

    /// How far the copy `what` has come in earlier attempts, with the sums; nothing for any other copy.
    pub(crate) fn of(&self, what: &str) -> Option<&Finished> {
        self.earlier.as_ref().filter(|earlier| earlier.what == what)
    }
}

impl Finished {
    /// Joins entries that were recorded one after the other, in that order. Those of the last copy count.
    pub fn join(entries: impl IntoIterator<Item = Self>) -> Option<Self> {
        entries.into_iter().reduce(|mut all, entry| {
            if all.what != entry.what {
                return entry;
            }
            all.up_to = all.up_to.max(entry.up_to);
            all.sums.extend(entry.sums);
            all
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(what: &str, up_to: u64, sums: &[(u64, u64)]) -> Finished {
        Finished { what: what.to_owned(), up_to, sums: sums.to_vec() }
    }

    #[test]
    fn entries_of_one_copy_are_joined_and_those_of_another_are_not() {
        assert_eq!(Finished::join([]), None);
        let joined = Finished::join([entry("a", 4, &[(0, 7)]), entry("a", 12, &[(1, 8), (2, 9)])]).unwrap();
        assert_eq!(joined, entry("a", 12, &[(0, 7), (1, 8), (2, 9)]));
        let joined = Finished::join([entry("a", 40, &[(0, 7)]), entry("b", 12, &[(1, 8)])]).unwrap();
        assert_eq!(joined, entry("b", 12, &[(1, 8)]));
        let journal = Journal { earlier: Some(joined), ..Journal::none() };
        assert!(journal.of("a").is_none());
        assert_eq!(journal.of("b").unwrap().up_to, 12);
    }
}
