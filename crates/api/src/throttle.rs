//! How many requests a project may make: a bucket of tokens for each project, filled at a steady rate.
//!
//! A bucket holds as many tokens as are filled in within a second. Of a bucket only the moment is kept at which it will
//! be full again. One that is full is as good as none, so that the buckets of projects that are silent are
//! forgotten, and there are never more than projects that have asked within the last second, or a few more.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Below so many buckets nobody looks for full ones.
const FEW: usize = 1024;

/// The buckets of all projects.
#[derive(Debug)]
pub(crate) struct Throttle {
    /// From one token to the next.
    interval: Duration,
    /// How far ahead of the clock a bucket may be when a token is taken.
    ahead: Duration,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    /// When the bucket of a project will be full.
    full_at: HashMap<String, Instant>,
    /// With so many buckets it is time to look for full ones.
    sweep_at: usize,
}

impl Throttle {
    /// So many requests a second for each project.
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        let interval = Duration::from_secs(1) / per_second.get();
        let ahead = interval * (per_second.get() - 1);
        Self { interval, ahead, buckets: Mutex::new(Buckets { full_at: HashMap::new(), sweep_at: FEW }) }
    }

    /// Takes a token of the project's, or says how long it takes until there is one.
    pub(crate) fn take(&self, project: &str, now: Instant) -> Result<(), Duration> {
        // nothing in here panics half-way through a change
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.full_at.get(project).map_or(now, |at| (*at).max(now));
        let ahead = full_at.saturating_duration_since(now);
        if ahead > self.ahead {
            return Err(ahead.saturating_sub(self.ahead));
        }
        buckets.full_at.insert(project.to_owned(), full_at + self.interval);
        if buckets.full_at.len() >= buckets.sweep_at {
            buckets.full_at.retain(|_, at| *at > now);
            buckets.sweep_at = FEW.max(2 * buckets.full_at.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(per_second: u32) -> Throttle {
        Throttle::new(NonZeroU32::new(per_second).unwrap())
    }

    #[test]
    fn a_second_s_worth_at_once_and_then_at_the_rate() {
        let (throttle, start) = (throttle(4), Instant::now());
        for _ in 0..4 {
            assert_eq!(throttle.take("p", start), Ok(()));
        }
        let wait = throttle.take("p", start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(250));
        // who is refused has not taken anything
        assert_eq!(throttle.take("p", start), Err(wait));
        assert_eq!(throttle.take("p", start + wait), Ok(()));
        assert_eq!(throttle.take("p", start + wait), Err(wait));
        assert_eq!(throttle.take("other", start + wait), Ok(()));
    }

    #[test]
    fn silence_fills_a_bucket_and_no_more() {
        let (throttle, start) = (throttle(2), Instant::now());
        let later = start + Duration::from_hours(1);
        assert_eq!(throttle.take("p", start), Ok(()));
        assert_eq!(throttle.take("p", later), Ok(()));
        assert_eq!(throttle.take("p", later), Ok(()));
        assert!(throttle.take("p", later).is_err());
    }

    #[test]
    fn the_buckets_of_silent_projects_are_forgotten() {
        let (throttle, start) = (throttle(1), Instant::now());
        let one_after_the_other = (0..100_000).map(|number| start + number * Duration::from_millis(10));
        for (number, at) in one_after_the_other.enumerate() {
            throttle.take(&number.to_string(), at).unwrap();
        }
        let kept = throttle.buckets.lock().unwrap().full_at.len();
        assert!(kept <= FEW, "{kept}");
    }
}
