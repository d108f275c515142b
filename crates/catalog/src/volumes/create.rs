//! Making a volume: empty, from a snapshot, or from another volume (API spec 11.1).

use sqlx::PgConnection;
use sqlx::types::Json;

use super::read::{VolumeView, view};
use super::record::lock_in;
use super::{Status, Volume};
use crate::jobs::{self, JobSpec, VolumeOrigin};
use crate::page::Scope;
use crate::quotas::{self, Exceeded, Resource};
use crate::services::{self, VOLUME_BINARY};
use crate::types::{self, Capabilities, Viewer, VolumeType};
use crate::{BackupId, Catalog, Error, Metadata, ProjectId, Result, SnapshotId, UserId, VolumeId, messages, snapshots};

/// What a new volume's content is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nothing: it reads as zeroes.
    Empty,
    /// A snapshot.
    Snapshot(SnapshotId),
    /// Another volume as it stands.
    Volume(VolumeId),
}

/// A volume that somebody asks for.
#[derive(Debug, Clone)]
pub struct NewVolume {
    /// The project that it will belong to.
    pub project: ProjectId,
    /// Who asks.
    pub user: UserId,
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its size; needed where the source does not give one.
    pub size_gib: Option<i32>,
    /// The name or the id of its type; otherwise its source's, otherwise the default one.
    pub volume_type: Option<String>,
    /// Its zone; otherwise its source's, otherwise [`Placement::zone`].
    pub availability_zone: Option<String>,
    /// The user's metadata.
    pub metadata: Metadata,
    /// Whether it may be of any type; otherwise of those that are public or that its project may use.
    pub private_types: bool,
}

/// Where new volumes go: what this installation is configured to say.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Where volumes live, as `host@backend#pool`.
    pub host: String,
    /// The zone of a volume for which nobody named one. Always a valid one.
    pub zone: String,
    /// What the pool there has to offer.
    pub capabilities: Capabilities,
}

/// Why a volume was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateRejected {
    /// There is no volume type of this id or name.
    #[error("there is no volume type {0}")]
    NoSuchType(String),
    /// There is no such snapshot in the caller's sight.
    #[error("there is no snapshot {0}")]
    NoSuchSnapshot(SnapshotId),
    /// There is no such volume in the caller's sight.
    #[error("there is no volume {0}")]
    NoSuchVolume(VolumeId),
    /// There is no such backup in the caller's sight.
    #[error("there is no backup {0}")]
    NoSuchBackup(BackupId),
    /// The snapshot is not `available`.
    #[error("the snapshot is not available")]
    SnapshotStatus,
    /// The source volume is neither `available` nor `in-use`.
    #[error("the source volume is neither available nor in-use")]
    VolumeStatus,
    /// The backup is not `available`.
    #[error("the backup is not available")]
    BackupStatus,
    /// Neither the caller nor a source says how large it is to be.
    #[error("nothing says how large the volume is to be")]
    NoSize,
    /// It would be smaller than what it is made from.
    #[error("{size_gib} GiB are smaller than the source's {source_gib} GiB")]
    TooSmall {
        /// The size that was asked for.
        size_gib: i32,
        /// The source's size.
        source_gib: i32,
    },
    /// There is no such zone.
    #[error("there is no availability zone {0}")]
    NoSuchZone(String),
    /// Its source is in another zone.
    #[error("the source is in another availability zone")]
    OtherZone,
    /// The project has no room for it.
    #[error(transparent)]
    Quota(#[from] Exceeded),
}

/// What a new volume takes over from what it is made from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) snapshot: Option<SnapshotId>,
    pub(crate) volume: Option<VolumeId>,
    pub(crate) backup: Option<BackupId>,
    /// The least size.
    pub(crate) size_gib: Option<i32>,
    /// The original volume's row, where there is one.
    pub(crate) like: Option<Volume>,
}

impl Catalog {
    /// Makes a volume's row, `creating`, and the job that makes its image. The scope says which sources the
    /// caller can see.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_volume(
        &self,
        new: &NewVolume,
        source: Source,
        scope: &Scope,
        placement: &Placement,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<VolumeView, CreateRejected>> {
        let mut tx = self.pool.begin().await?;
        let (origin, from) = match look_at(&mut tx, source, scope).await? {
            Ok(found) => found,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let inserted = match insert(&mut tx, new, &origin, placement).await? {
            Ok(inserted) => inserted,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let volume = inserted.id;
        let made =
            view(&mut tx, volume).await?.ok_or_else(|| Error::Stale { table: "volumes", id: volume.to_string() })?;
        if inserted.fits {
            jobs::enqueue(&mut tx, &JobSpec::VolumeCreate { volume, from }, &new.project, request_id).await?;
        } else {
            give_up(&mut tx, volume, &new.project, request_id).await?;
        }
        tx.commit().await?;
        Ok(Ok(made))
    }
}

/// Looks a source up and holds it until the transaction ends.
async fn look_at(
    tx: &mut PgConnection,
    source: Source,
    scope: &Scope,
) -> Result<std::result::Result<(Origin, Option<VolumeOrigin>), CreateRejected>> {
    match source {
        Source::Empty => Ok(Ok((Origin::default(), None))),
        Source::Snapshot(id) => {
            // volume before snapshot, as everywhere
            let Some(seen) = snapshots::find(tx, id, scope).await? else {
                return Ok(Err(CreateRejected::NoSuchSnapshot(id)));
            };
            let like = super::lock(tx, seen.volume_id).await?;
            let Some(snapshot) = snapshots::lock_in(tx, id, scope).await? else {
                return Ok(Err(CreateRejected::NoSuchSnapshot(id)));
            };
            if snapshot.status != snapshots::Status::Available {
                return Ok(Err(CreateRejected::SnapshotStatus));
            }
            let origin = Origin { snapshot: Some(id), size_gib: Some(snapshot.size_gib), like, ..Origin::default() };
            Ok(Ok((origin, Some(VolumeOrigin::Snapshot(id, snapshot.volume_id)))))
        }
        Source::Volume(id) => {
            let Some(volume) = lock_in(tx, id, scope).await? else {
                return Ok(Err(CreateRejected::NoSuchVolume(id)));
            };
            if !matches!(volume.status, Status::Available | Status::InUse) {
                return Ok(Err(CreateRejected::VolumeStatus));
            }
            let origin =
                Origin { volume: Some(id), size_gib: Some(volume.size_gib), like: Some(volume), ..Origin::default() };
            Ok(Ok((origin, Some(VolumeOrigin::Volume(id)))))
        }
    }
}

/// A new volume's row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inserted {
    pub(crate) id: VolumeId,
    /// Whether the pool has what its type asks for, and takes new volumes.
    pub(crate) fits: bool,
}

/// Marks a volume for which there is no place, and tells its project.
pub(crate) async fn give_up(
    tx: &mut PgConnection,
    id: VolumeId,
    project: &ProjectId,
    request_id: Option<&str>,
) -> Result<()> {
    sqlx::query("UPDATE volumes SET status = $2, host = NULL, updated_at = now() WHERE id = $1")
        .bind(id)
        .bind(Status::Error)
        .execute(&mut *tx)
        .await?;
    messages::add(tx, &messages::no_backend(id, project, request_id)).await
}

/// Checks type, zone, size and quota of a new volume and makes its row, `creating`. The job is the caller's, or,
/// where the volume does not fit, to [`give_up`].
pub(crate) async fn insert(
    tx: &mut PgConnection,
    new: &NewVolume,
    origin: &Origin,
    placement: &Placement,
) -> Result<std::result::Result<Inserted, CreateRejected>> {
    let volume_type = match type_of(tx, new, origin).await? {
        Ok(volume_type) => volume_type,
        Err(rejected) => return Ok(Err(rejected)),
    };
    let Some(size_gib) = new.size_gib.or(origin.size_gib) else { return Ok(Err(CreateRejected::NoSize)) };
    if let Some(source_gib) = origin.size_gib
        && size_gib < source_gib
    {
        return Ok(Err(CreateRejected::TooSmall { size_gib, source_gib }));
    }
    let zone = match zone_of(tx, new, origin, placement).await? {
        Ok(zone) => zone,
        Err(rejected) => return Ok(Err(rejected)),
    };
    let gib = i64::from(size_gib);
    let mut wanted = vec![(Resource::PerVolumeGigabytes, gib), (Resource::Gigabytes, gib), (Resource::Volumes, 1)];
    wanted.push((Resource::GigabytesOfType(volume_type.name.clone()), gib));
    wanted.push((Resource::VolumesOfType(volume_type.name.clone()), 1));
    if let Err(exceeded) = quotas::reserve(tx, &new.project, &wanted).await? {
        return Ok(Err(exceeded.into()));
    }
    let fits = types::fits(&volume_type.extra_specs, &placement.capabilities)
        && !services::takes_no_volumes(tx, &zone).await?;
    let id = VolumeId::random();
    sqlx::query(
        "INSERT INTO volumes (id, project_id, user_id, name, description, size_gib, status, availability_zone,
                              volume_type_id, snapshot_id, source_volume_id, source_backup_id, bootable, host, metadata,
                              image_metadata)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(id)
    .bind(&new.project)
    .bind(&new.user)
    .bind(&new.name)
    .bind(&new.description)
    .bind(size_gib)
    .bind(Status::Creating)
    .bind(zone)
    .bind(volume_type.id)
    .bind(origin.snapshot)
    .bind(origin.volume)
    .bind(origin.backup)
    .bind(origin.like.as_ref().is_some_and(|volume| volume.bootable))
    .bind(&placement.host)
    .bind(Json(&new.metadata))
    .bind(Json(origin.like.as_ref().map_or(&Metadata::new(), |volume| &volume.image_metadata)))
    .execute(&mut *tx)
    .await?;
    Ok(Ok(Inserted { id, fits }))
}

/// The named type, else the source's, else the default one, held until the transaction ends.
async fn type_of(
    tx: &mut PgConnection,
    new: &NewVolume,
    origin: &Origin,
) -> Result<std::result::Result<VolumeType, CreateRejected>> {
    if let Some(word) = &new.volume_type {
        let viewer = if new.private_types { Viewer::Everything } else { Viewer::Project(new.project.as_str()) };
        let named = types::resolve(tx, word, viewer).await?;
        return Ok(named.ok_or_else(|| CreateRejected::NoSuchType(word.clone())));
    }
    let inherited = match origin.like.as_ref().and_then(|volume| volume.volume_type_id) {
        Some(id) => types::resolve(tx, &id.to_string(), Viewer::Everything).await?,
        None => None,
    };
    let found = match inherited {
        Some(found) => Some(found),
        None => types::default(tx).await?,
    };
    let missing = || Error::Inconsistent {
        table: "volume_types",
        id: "is_default".to_owned(),
        what: "there is no default type".to_owned(),
    };
    found.map(Ok).ok_or_else(missing)
}

/// The named zone, else the source's, else the configured one.
async fn zone_of(
    tx: &mut PgConnection,
    new: &NewVolume,
    origin: &Origin,
    placement: &Placement,
) -> Result<std::result::Result<String, CreateRejected>> {
    let of_source = origin.like.as_ref().map(|volume| &volume.availability_zone);
    let Some(zone) = &new.availability_zone else {
        return Ok(Ok(of_source.unwrap_or(&placement.zone).clone()));
    };
    if *zone != placement.zone {
        let (known,): (bool,) =
            sqlx::query_as("SELECT EXISTS (SELECT 1 FROM services WHERE binary_name = $1 AND zone = $2)")
                .bind(VOLUME_BINARY)
                .bind(zone)
                .fetch_one(tx)
                .await?;
        if !known {
            return Ok(Err(CreateRejected::NoSuchZone(zone.clone())));
        }
    }
    if of_source.is_some_and(|of_source| of_source != zone) {
        return Ok(Err(CreateRejected::OtherZone));
    }
    Ok(Ok(zone.clone()))
}
