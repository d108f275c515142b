//! What disagrees within the database: statuses, jobs and what is kept for them.

use catalog::Catalog;
use catalog::reconcile::{Kind, StaleStatus};

use super::finding::{Class, Finding, Outcome, YOUNG};
use crate::JobError;

/// Why something that was found was not there any more.
const CHANGED: &str = "somebody has changed it meanwhile";

/// Finds what disagrees, and repairs it where that is asked for.
pub(super) async fn reconcile(catalog: &Catalog, repair: bool) -> Result<Vec<Finding>, JobError> {
    let mut found = Vec::new();
    for stale in catalog.stale_statuses().await? {
        let mut finding = status(&stale);
        if stale.young {
            finding.leave(YOUNG.to_owned());
        } else if repair {
            done(&mut finding, catalog.end_stale_status(&stale).await?);
        }
        found.push(finding);
    }
    for job in catalog.jobs_without_target().await? {
        let mut finding = plain(
            Class::JobWithoutTarget,
            format!("job {} ({})", job.id, job.kind),
            format!("there is no record of {}, not even a deleted one", job.target_id),
            format!(
                "UPDATE jobs SET state = 'failed', finished_at = now() WHERE id = '{}' AND state = 'ready'",
                job.id
            ),
        );
        if job.running {
            finding.leave("a worker has it, and will end it".to_owned());
        } else if repair {
            done(&mut finding, catalog.drop_job(job.id).await?);
        }
        found.push(finding);
    }
    for lock in catalog.locks_without_job().await? {
        let mut finding = plain(
            Class::LockWithoutJob,
            format!("job {}", lock.job_id),
            format!(
                "it is {}, and holds the keys [{}] and {} parts of a journal",
                lock.state,
                lock.keys.join(", "),
                lock.journal
            ),
            format!(
                "DELETE FROM job_locks WHERE job_id = '{0}'; DELETE FROM job_journal WHERE job_id = '{0}'",
                lock.job_id
            ),
        );
        if repair {
            done(&mut finding, catalog.drop_locks(lock.job_id).await?);
        }
        found.push(finding);
    }
    Ok(found)
}

fn plain(class: Class, what: String, why: String, by_hand: String) -> Finding {
    Finding { class, what, why, outcome: Outcome::WouldRepair, left_because: None, by_hand, repair: None }
}

fn done(finding: &mut Finding, repaired: bool) {
    if repaired {
        finding.outcome = Outcome::Repaired;
    } else {
        finding.leave(CHANGED.to_owned());
    }
}

fn status(stale: &StaleStatus) -> Finding {
    let (kind, id) = (stale.kind, stale.id);
    let object = match kind {
        Kind::Backup => "volume backup",
        Kind::Volume => "volume",
        Kind::Snapshot => "volume snapshot",
    };
    let by_hand = match stale.becomes() {
        "available" => format!("openstack {object} set --state available {id}"),
        _ => format!("openstack {object} set --state error {id}"),
    };
    plain(
        Class::StaleStatus,
        format!("{kind} {id}"),
        format!(
            "it is {} since {}, and no job is about it; it becomes {}",
            stale.status,
            stale.changed_at,
            stale.becomes()
        ),
        by_hand,
    )
}
