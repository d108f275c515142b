//! Reading backups back, for a job and for a command.

use std::num::NonZeroU64;

use catalog::messages::Detail;
use catalog::work::{Verdict, VerifyWork};
use catalog::{BackupId, Catalog};
use chain::names::volume_image;
use chain::scan::what_is_missing;
use chain::verify::{Request, Verified, verify};
use chain::{Control, Error, Pools};
use rbd::Pool;

use crate::JobError;
use crate::ceph::Ceph;
use crate::jobs::base_ref;

/// What reading a backup back has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is what was backed up, as far as that can be told.
    Whole(Verified),
    /// It is damaged, in this way.
    Damaged(String),
}

impl Finding {
    /// As it is recorded.
    pub fn verdict(&self) -> Verdict<'_> {
        match self {
            Self::Whole(Verified { checksums: false, source: false, .. }) => Verdict::Readable,
            Self::Whole(_) => Verdict::Sound,
            Self::Damaged(why) => Verdict::Damaged(why),
        }
    }

    /// What there is to tell of one that is whole.
    pub fn remarks(&self) -> Vec<Detail> {
        let Self::Whole(verified) = self else { return Vec::new() };
        let told =
            [(verified.source_differs, Detail::SourceDiffers), (verified.bad_metadata, Detail::MetadataUnreadable)];
        told.into_iter().filter(|(so, _)| *so).map(|(_, remark)| remark).collect()
    }
}

/// Reads a backup back, at most so many bytes a second.
///
/// # Errors
/// Whether it is damaged could not be told: Ceph failed, the control stopped it, or its pool may be the wrong one.
pub(crate) async fn examine(
    catalog: &Catalog,
    ceph: &Ceph,
    default_container: &str,
    work: &VerifyWork,
    bytes_per_second: Option<NonZeroU64>,
    control: &Control,
) -> Result<Finding, JobError> {
    let backup = &work.backup;
    if let Err(another) = backup.must_be_ours() {
        return Err(JobError::Failed(another.to_string()));
    }
    let container = backup.container.as_deref().unwrap_or(default_container);
    let pools = Pools { volumes: ceph.volumes().clone(), backups: ceph.container(container).await? };
    let request = Request {
        reference: base_ref(backup, work.service_metadata.as_deref()),
        image: volume_image(backup.volume_id.0),
        bytes_per_second,
    };
    match Box::pin(verify(&pools, &request, control)).await {
        Ok(verified) => Ok(Finding::Whole(verified)),
        // what a fenced client is told is not always that it is fenced
        Err(error) if error.is_damage() && !ceph.is_fenced().await => {
            // its base, where that is there, is named after it: then the pool is the right one
            let missing = matches!(error, Error::NoBase { .. });
            if missing && !is_right(catalog, &pools.backups, work, container, default_container).await? {
                return Err(JobError::Failed(format!(
                    "{error}; nor was a restore point of another backup found there: pool {container} may be the wrong \
                     one, or a new one, and the backup is left as it is"
                )));
            }
            Ok(Finding::Damaged(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether other backups are in the pool that should be: else a cluster that was made anew, or another one with a pool of
/// the same name, would have every backup declared damaged.
async fn is_right(
    catalog: &Catalog,
    pool: &Pool,
    work: &VerifyWork,
    container: &str,
    default_container: &str,
) -> Result<bool, JobError> {
    for other in catalog.witnesses(work, container, default_container).await? {
        let Some(other) = catalog.begin_verify(other).await? else { continue };
        let reference = base_ref(&other.backup, other.service_metadata.as_deref());
        if what_is_missing(pool, &reference).await?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Verifies a backup in this process and records what that shows, as a job does. `None` when there is nothing to
/// verify, or no longer.
///
/// # Errors
/// It could not be told, or not be recorded.
pub async fn verify_now(
    catalog: &Catalog,
    ceph: &Ceph,
    default_container: &str,
    id: BackupId,
    control: &Control,
) -> Result<Option<Finding>, JobError> {
    let Some(work) = catalog.begin_verify(id).await? else { return Ok(None) };
    let finding = examine(catalog, ceph, default_container, &work, None, control).await?;
    let recorded = catalog.finish_verify(None, id, work.began, finding.verdict(), &finding.remarks()).await?;
    Ok(recorded.then_some(finding))
}
