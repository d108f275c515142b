//! What there is in the two pools, whatever any record says. Reads only.
//!
//! Names say which volume and which backup something is said to belong to, not whether it does: that takes a record
//! (docs/format.md). What is not named as ours or as Cinder's is passed over.

use std::collections::BTreeMap;
use std::time::SystemTime;

use rbd::{Image, Pool, Trashed};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::names::{TRASHED, metadata_object, volume_image};
use crate::point::{BaseRef, markers};
use crate::table;

/// A snapshot that is named after a backup: a marker on a volume, or a restore point on a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The backup in its name.
    pub backup: Uuid,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub made: SystemTime,
}

/// What an image is like that is named as the base of a volume's backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The image.
    pub name: String,
    /// Its size, bytes.
    pub size: u64,
    /// When it was made.
    pub made: SystemTime,
    /// Its restore points, oldest first.
    pub points: Vec<Mark>,
    /// Its other snapshots.
    pub foreign: Vec<String>,
    /// The keys of the checksums that are kept with it and that none of its restore points needs.
    pub unneeded_sums: Vec<String>,
    /// The backups of its restore points that have no checksums.
    pub without_sums: Vec<Uuid>,
    /// The addresses of those who hold its lock.
    pub lockers: Vec<String>,
}

/// What a volume's image is like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volume {
    /// Its size, bytes.
    pub size: u64,
    /// Its markers, oldest first.
    pub markers: Vec<Mark>,
    /// Its snapshots that are named as the volume source names them.
    pub snapshots: Vec<SourceSnapshot>,
    /// The addresses of those who hold its lock.
    pub lockers: Vec<String>,
}

/// What a snapshot of a volume is for, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is the snapshot of a user.
    Snapshot(Uuid),
    /// This volume is made from it.
    Copy(Uuid),
}

impl Purpose {
    /// Reads a snapshot's name. `None` for one that the volume source does not make.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(snapshot) = name.strip_prefix("snapshot-") {
            return id(snapshot).map(Self::Snapshot);
        }
        id(name.strip_prefix("volume-")?.strip_suffix(".clone_snap")?).map(Self::Copy)
    }
}

/// A snapshot of a volume that is named as the volume source names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSnapshot {
    /// What it is for.
    pub purpose: Purpose,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub made: SystemTime,
}

/// A name of a base: whose volume's, and the backup in it, which the bases of old releases have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaseName {
    /// The volume.
    pub volume: Uuid,
    /// The backup.
    pub backup: Option<Uuid>,
}

impl BaseName {
    /// Reads an image's name. `None` for one that is no base.
    pub fn parse(name: &str) -> Option<Self> {
        let (volume, label) = name.strip_prefix("volume-")?.split_once(".backup.")?;
        let volume = id(volume)?;
        let backup = if label == "base" { None } else { Some(id(label)?) };
        Some(Self { volume, backup })
    }
}

/// An id as Cinder writes it: lower case, with hyphens.
fn id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}

/// The images of a pool that are named as bases, by their volumes.
///
/// # Errors
/// Ceph failed.
pub async fn bases(pool: &Pool) -> Result<BTreeMap<Uuid, Vec<String>>> {
    let mut found: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for name in pool.images().await? {
        if let Some(base) = BaseName::parse(&name) {
            found.entry(base.volume).or_default().push(name);
        }
    }
    for names in found.values_mut() {
        names.sort_unstable();
    }
    Ok(found)
}

/// The volumes whose images are in a pool, in order.
///
/// # Errors
/// Ceph failed.
pub async fn volumes(pool: &Pool) -> Result<Vec<Uuid>> {
    let names = pool.images().await?;
    let mut found: Vec<Uuid> = names.iter().filter_map(|name| id(name.strip_prefix("volume-")?)).collect();
    found.sort_unstable();
    Ok(found)
}

/// The backups that have a metadata object in a pool. Walks all objects of the pool.
///
/// # Errors
/// Ceph failed.
pub async fn metadata_objects(pool: &Pool) -> Result<Vec<Uuid>> {
    let names = pool.objects("backup.").await?;
    let parse = |name: &String| id(name.strip_prefix("backup.")?.strip_suffix(".meta")?);
    Ok(names.iter().filter_map(parse).collect())
}

/// When a backup's metadata object was written; `None` when it has none.
///
/// # Errors
/// Ceph failed.
pub async fn metadata_written(pool: &Pool, backup: Uuid) -> Result<Option<SystemTime>> {
    Ok(pool.object_time(&metadata_object(backup)).await?)
}

/// Whose image is in the trash, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A base.
    Base(BaseName),
    /// A volume's own.
    Volume(Uuid),
}

/// Who moved an image to the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mover {
    /// A deletion of ours, because the image stayed in use.
    Deletion,
    /// A removal of the image that was cut short.
    Removal,
    /// Somebody, who may want to keep it.
    Somebody,
}

/// An image of a volume, or a base, that is in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTrash {
    /// Whose it is, by its name.
    pub owner: Owner,
    /// Who moved it there.
    pub mover: Mover,
    /// What is there.
    pub image: Trashed,
}

/// The images of volumes and the bases that are in a pool's trash.
///
/// # Errors
/// Ceph failed.
pub async fn trashed(pool: &Pool) -> Result<Vec<InTrash>> {
    let owner = |name: &str| {
        let volume = || id(name.strip_prefix("volume-")?).map(Owner::Volume);
        BaseName::parse(name).map(Owner::Base).or_else(volume)
    };
    let mut found = Vec::new();
    for image in pool.trash().await? {
        if let Some(owner) = owner(&image.name) {
            let mover = if image.removing { Mover::Removal } else { mover(pool, &image.id).await? };
            found.push(InTrash { owner, mover, image });
        }
    }
    Ok(found)
}

async fn mover(pool: &Pool, id: &str) -> Result<Mover> {
    let image = match pool.open_trashed(id).await {
        Ok(image) => image,
        // only its entry: a purge was cut short
        Err(error) if error.is_not_found() => return Ok(Mover::Removal),
        Err(error) => return Err(error.into()),
    };
    let marked = image.metadata(TRASHED).await;
    image.close().await;
    Ok(if marked?.is_some() { Mover::Deletion } else { Mover::Somebody })
}

/// Looks at a base; `None` when it is not there.
///
/// # Errors
/// Ceph failed.
pub async fn base(pool: &Pool, name: &str) -> Result<Option<Base>> {
    let Some(image) = open(pool, name).await? else { return Ok(None) };
    let snapshots = image.snapshots().await?;
    let points = marks(&image, &snapshots).await?;
    let known = |name: &str| points.iter().any(|point| point.name == name);
    let foreign = snapshots.iter().filter(|one| !known(&one.name)).map(|one| one.name.clone()).collect();
    let kept: Vec<Uuid> = points.iter().map(|point| point.backup).collect();
    let unneeded_sums = match table::unneeded(&image, &kept).await {
        Ok(keys) => keys,
        Err(Error::BadSums { .. }) => Vec::new(), // whose they are can not be told; a verification tells that they are damaged
        Err(error) => return Err(error),
    };
    let without_sums = table::without_index(&image, &kept).await?;
    let (size, made, lockers) = (image.size().await?, image.created().await?, image.lockers().await?);
    image.close().await;
    Ok(Some(Base { name: name.to_owned(), size, made, points, foreign, unneeded_sums, without_sums, lockers }))
}

/// Looks at a volume's image; `None` when it is not there.
///
/// # Errors
/// Ceph failed.
pub async fn volume(pool: &Pool, volume: Uuid) -> Result<Option<Volume>> {
    let Some(image) = open(pool, &volume_image(volume)).await? else { return Ok(None) };
    let all = image.snapshots().await?;
    let markers = marks(&image, &all).await?;
    let mut snapshots = Vec::new();
    for snapshot in all {
        if let Some(purpose) = Purpose::parse(&snapshot.name) {
            let made = image.snapshot_time(snapshot.id).await?;
            snapshots.push(SourceSnapshot { purpose, name: snapshot.name, made });
        }
    }
    let (size, lockers) = (image.size().await?, image.lockers().await?);
    image.close().await;
    Ok(Some(Volume { size, markers, snapshots, lockers }))
}

/// Why a backup can not be restored although its record says so; `None` when its restore point is there.
///
/// # Errors
/// Ceph failed, so that nothing can be said.
pub async fn what_is_missing(pool: &Pool, reference: &BaseRef) -> Result<Option<Error>> {
    match reference.find(pool).await {
        Ok(_) => Ok(None),
        Err(
            error @ (Error::NoBase { .. }
            | Error::NoRestorePoint { .. }
            | Error::StrangeBase { .. }
            | Error::AmbiguousRestorePoint { .. }),
        ) => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

async fn open(pool: &Pool, name: &str) -> Result<Option<Image>> {
    match pool.open_read_only(name, None).await {
        Ok(image) => Ok(Some(image)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn marks(image: &Image, snapshots: &[rbd::Snapshot]) -> Result<Vec<Mark>> {
    let mut found = Vec::new();
    for (marker, snapshot) in markers(snapshots) {
        let made = image.snapshot_time(snapshot.id).await?;
        found.push(Mark { backup: marker.backup(), name: snapshot.name.clone(), made });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{base_image, copy_snapshot, legacy_base_image, volume_snapshot};

    #[test]
    fn only_names_of_bases_are_read_as_such() {
        let (volume, backup) = (Uuid::from_u128(7), Uuid::from_u128(9));
        let name = BaseName { volume, backup: Some(backup) };
        assert_eq!(BaseName::parse(&base_image(volume, backup)), Some(name));
        assert_eq!(BaseName::parse(&legacy_base_image(volume)), Some(BaseName { volume, backup: None }));
        for other in [
            volume_image(volume),
            format!("volume-{volume}.backup."),
            format!("volume-{volume}.backup.{}", backup.simple()),
            format!("volume-{volume}.backup.{backup}.copy"),
            format!("xvolume-{volume}.backup.{backup}"),
        ] {
            assert_eq!(BaseName::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn only_names_of_the_volume_source_are_read_as_such() {
        let id = Uuid::from_u128(7);
        assert_eq!(Purpose::parse(&volume_snapshot(id)), Some(Purpose::Snapshot(id)));
        assert_eq!(Purpose::parse(&copy_snapshot(id)), Some(Purpose::Copy(id)));
        for other in [
            volume_image(id),
            format!("snapshot-{}", id.simple()),
            format!("volume-{id}.clone_snap2"),
            format!("backup.{id}.snap.1.0"),
        ] {
            assert_eq!(Purpose::parse(&other), None, "{other}");
        }
    }
}
