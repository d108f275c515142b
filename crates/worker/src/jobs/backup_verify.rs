//! Reading a backup back.

use std::num::NonZeroU64;
use std::time::Duration;

use catalog::BackupId;
use catalog::jobs::{JobEnd, JobSpec};
use chain::Budget;

use super::{Outcome, Scene, given_up, hand_back, nothing_to_do};
use crate::JobError;
use crate::lease::{Held, Stop};
use crate::verify::{Finding, examine};

/// How much a verification may have in flight, bytes: its own, so that no copy waits for it.
const MEMORY: u64 = 64 << 20;

/// How long a verification that Ceph did not let happen waits before it is tried again; twice as long each time, …
const TRY_AGAIN: Duration = Duration::from_mins(1);

/// … up to this.
const TRY_AGAIN_AT_LAST: Duration = Duration::from_hours(1);

/// How often a scrub is tried again that Ceph did not let happen: its turn comes again.
const SCRUB_RETRIES: i32 = 2;

pub(super) async fn run(
    scene: &Scene,
    held: &Held,
    id: BackupId,
    bytes_per_second: Option<NonZeroU64>,
) -> Result<Outcome, JobError> {
    let Some(work) = scene.catalog.begin_verify(id).await? else {
        return nothing_to_do(held, "the backup is no longer there to be verified").await;
    };
    if let Some(error) = given_up(held) {
        return fail(held, &error.to_string()).await;
    }
    let control = held.control(&Budget::new(MEMORY)).await?;
    let default_container = &scene.settings.default_container;
    match examine(&scene.catalog, &scene.ceph, default_container, &work, bytes_per_second, &control).await {
        Ok(finding) => {
            if let Finding::Damaged(why) = &finding {
                tracing::error!(backup.id = %id, why, "a backup is damaged");
            }
            let (verdict, remarks) = (finding.verdict(), finding.remarks());
            held.persist(|| held.catalog.finish_verify(Some(&held.job), id, work.began, verdict, &remarks)).await?;
            Ok(Outcome::Recorded)
        }
        Err(error) if scene.was_fenced(&error).await => Ok(Outcome::Stopped),
        Err(error) if error.is_interruption() && held.why() == Some(Stop::Cancelled) => {
            fail(held, &error.to_string()).await
        }
        Err(error) if error.is_interruption() => Ok(Outcome::Stopped),
        // will be the same the next time
        Err(JobError::Failed(why)) => {
            tracing::error!(backup.id = %id, why, "it can not be told whether a backup is damaged");
            fail(held, &why).await
        }
        // says nothing of the backup
        Err(error) if is_last(&held.job.spec, held.job.takeovers) => {
            tracing::warn!(backup.id = %id, error = &error as &dyn std::error::Error,
                "a backup could not be verified, until its turn comes again");
            fail(held, &error.to_string()).await
        }
        Err(error) => {
            tracing::warn!(backup.id = %id, error = &error as &dyn std::error::Error, "a backup could not be verified");
            hand_back(held, pause(held.job.takeovers), false, &error.to_string()).await;
            Ok(Outcome::Recorded)
        }
    }
}

/// Whether this try is the last: more than ten of a verification that somebody asked for are given up when they begin.
fn is_last(spec: &JobSpec, tries: i32) -> bool {
    matches!(spec, JobSpec::BackupScrub { .. }) && tries > SCRUB_RETRIES
}

fn pause(tries: i32) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1).unsigned_abs());
    TRY_AGAIN.saturating_mul(doubled).min(TRY_AGAIN_AT_LAST)
}

async fn fail(held: &Held, why: &str) -> Result<Outcome, JobError> {
    held.persist(|| held.catalog.end_job(&held.job, JobEnd::Failed(why))).await?;
    Ok(Outcome::Recorded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_scrub_is_not_tried_for_long() {
        let backup = BackupId::random();
        let last = |spec: &JobSpec| [1, 2, 3, 10].map(|tries| is_last(spec, tries));
        assert_eq!(last(&JobSpec::BackupScrub { backup }), [false, false, true, true]);
        assert_eq!(last(&JobSpec::BackupVerify { backup }), [false; 4]);
    }

    #[test]
    fn tries_come_less_and_less_often() {
        let minutes = |tries| pause(tries).as_secs() / 60;
        assert_eq!([1, 2, 3, 6, 7, 10].map(minutes), [1, 2, 4, 32, 60, 60]);
    }
}
