//! Making a snapshot of a volume (API spec 11.2).

use sqlx::types::Json;

use super::record::{Snapshot, Status, snapshot_columns};
use crate::jobs::{self, JobSpec};
use crate::page::Scope;
use crate::quotas::{self, Exceeded, Resource};
use crate::{Catalog, Metadata, ProjectId, Result, SnapshotId, UserId, VolumeId, volumes};

/// A snapshot that somebody asks for.
#[derive(Debug, Clone)]
pub struct NewSnapshot {
    /// The volume.
    pub volume: VolumeId,
    /// The project that the snapshot will belong to.
    pub project: ProjectId,
    /// Who asks.
    pub user: UserId,
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The user's metadata.
    pub metadata: Metadata,
    /// Whether the volume may be `in-use`.
    pub in_use: bool,
}

/// Why a snapshot was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NoSuchVolume,
    /// Of a volume of this status no snapshot can be made.
    #[error("the volume is {0}")]
    VolumeStatus(volumes::Status),
    /// The project has no room for it.
    #[error(transparent)]
    Quota(#[from] Exceeded),
}

impl Catalog {
    /// Makes a snapshot's row, `creating`, and the job that makes it on the image. The volume's status stays.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_snapshot(
        &self,
        new: &NewSnapshot,
        scope: &Scope,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<Snapshot, CreateRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = volumes::lock_in(&mut tx, new.volume, scope).await? else {
            return Ok(Err(CreateRejected::NoSuchVolume));
        };
        let may = volume.status == volumes::Status::Available || new.in_use && volume.status == volumes::Status::InUse;
        if !may {
            return Ok(Err(CreateRejected::VolumeStatus(volume.status)));
        }
        let gib = i64::from(volume.size_gib);
        let mut wanted = vec![(Resource::Gigabytes, gib), (Resource::Snapshots, 1)];
        if let Some(name) = volumes::type_name(&mut tx, new.volume).await? {
            wanted.push((Resource::GigabytesOfType(name.clone()), gib));
            wanted.push((Resource::SnapshotsOfType(name), 1));
        }
        if let Err(exceeded) = quotas::reserve(&mut tx, &new.project, &wanted).await? {
            return Ok(Err(exceeded.into()));
        }
        let id = SnapshotId::random();
        let made = sqlx::query_as(concat!(
            "INSERT INTO snapshots AS s (id, volume_id, project_id, user_id, name, description, size_gib, status,
                                         progress, metadata)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '0%', $9)
          RETURNING ",
            snapshot_columns!()
        ))
        .bind(id)
        .bind(new.volume)
        .bind(&new.project)
        .bind(&new.user)
        .bind(&new.name)
        .bind(&new.description)
        .bind(volume.size_gib)
        .bind(Status::Creating)
        .bind(Json(&new.metadata))
        .fetch_one(&mut *tx)
        .await?;
        let job = JobSpec::SnapshotCreate { snapshot: id, volume: new.volume };
        jobs::enqueue(&mut tx, &job, &new.project, request_id).await?;
        tx.commit().await?;
        Ok(Ok(made))
    }
}
