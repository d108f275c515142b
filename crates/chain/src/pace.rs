//! Not more than so many bytes a second.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Spreads work over time, so that it takes no more than its share of the disks.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: NonZeroU64,
    /// When the next may begin.
    next: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the turn of so many bytes. What was not taken in time is not made up for.
    pub(crate) async fn take(&self, bytes: u64) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.get());
            *next = turn + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX >> 8));
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pace_is_kept_and_not_made_up_for() {
        let pace = Pace::new(NonZeroU64::new(1000).unwrap());
        let began = Instant::now();
        for _ in 0..4 {
            pace.take(500).await;
        }
        assert_eq!(began.elapsed(), Duration::from_millis(1500));
        tokio::time::advance(Duration::from_mins(1)).await;
        let began = Instant::now();
        for _ in 0..3 {
            pace.take(1000).await;
        }
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }
}
