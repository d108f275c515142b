//! Growing a volume (API spec 11.1, `os-extend`).

use super::Status;
use super::record::lock_in;
use crate::jobs::{self, JobSpec};
use crate::page::Scope;
use crate::quotas::{self, Exceeded, Resource};
use crate::{Catalog, Result, VolumeId};

/// Why a volume is not grown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtendRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// The new size is not larger than this one.
    #[error("the volume has {size_gib} GiB already")]
    NotLarger {
        /// The size that it has.
        size_gib: i32,
    },
    /// A volume of this status can not grow.
    #[error("a volume that is {0} can not grow")]
    Status(Status),
    /// The project has no room for it.
    #[error(transparent)]
    Quota(#[from] Exceeded),
}

impl Catalog {
    /// Marks a volume `extending` and queues the job that grows the image. An `in-use` volume only where
    /// `in_use` allows it (API 3.42).
    ///
    /// # Errors
    /// The database failed.
    pub async fn extend_volume(
        &self,
        id: VolumeId,
        scope: &Scope,
        new_size_gib: i32,
        in_use: bool,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<(), ExtendRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(ExtendRejected::NotFound)) };
        if new_size_gib <= volume.size_gib {
            return Ok(Err(ExtendRejected::NotLarger { size_gib: volume.size_gib }));
        }
        if volume.status != Status::Available && !(in_use && volume.status == Status::InUse) {
            return Ok(Err(ExtendRejected::Status(volume.status)));
        }
        let more = i64::from(new_size_gib) - i64::from(volume.size_gib);
        let mut wanted = vec![(Resource::PerVolumeGigabytes, i64::from(new_size_gib)), (Resource::Gigabytes, more)];
        if let Some(name) = super::read::type_name(&mut tx, id).await? {
            wanted.push((Resource::GigabytesOfType(name), more));
        }
        // the difference is charged to the volume's project, whoever asks
        if let Err(exceeded) = quotas::reserve(&mut tx, &volume.project_id, &wanted).await? {
            return Ok(Err(exceeded.into()));
        }
        sqlx::query("UPDATE volumes SET status = $2, previous_status = $3, updated_at = now() WHERE id = $1")
            .bind(id)
            .bind(Status::Extending)
            .bind(volume.status)
            .execute(&mut *tx)
            .await?;
        let job =
            JobSpec::VolumeExtend { volume: id, new_size_gib, previous_status: volume.status.as_str().to_owned() };
        jobs::enqueue(&mut tx, &job, &volume.project_id, request_id).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}
