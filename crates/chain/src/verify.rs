//! Reading a backup back: is what it holds what was backed up?
//!
//! All of it is read. It is compared with the checksums that were recorded when it was made, and, where the volume
//! still has the snapshot that the backup was made of, with that, byte by byte.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use rbd::{Extent, Image};

use crate::Pools;
use crate::change::{Change, Walk};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::metadata;
use crate::pace::Pace;
use crate::pipeline::{Part, Piece, Pipeline};
use crate::point::{BaseRef, still_there};
use crate::restore::marked_at;
use crate::sums::{Deltas, REGION, add};

/// What is to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The backup.
    pub reference: BaseRef,
    /// The volume's image, which is looked at if it is there.
    pub image: String,
    /// How fast the backup may be read; as fast as it can be without.
    pub bytes_per_second: Option<NonZeroU64>,
}

/// A backup that is what was backed up, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Its size, bytes.
    pub size: u64,
    /// How much of it was read, bytes; the rest is holes.
    pub read: u64,
    /// Whether there were checksums to compare it with.
    pub checksums: bool,
    /// Whether the volume still had the snapshot that it was made of, with the same content.
    pub source: bool,
    /// Whether the volume's snapshot has another content, although the backup is what its checksums say: then it is
    /// the volume that is damaged.
    pub source_differs: bool,
    /// Whether the object with the volume's metadata is there and can not be read.
    pub bad_metadata: bool,
}

/// Verifies a backup. Changes nothing.
///
/// # Errors
/// The backup is damaged ([`Error::is_damage`]): the base or the restore point is missing, it was cut, or holds
/// something else than was backed up. Or Ceph failed, or the operation was interrupted.
pub async fn verify(pools: &Pools, request: &Request, control: &Control) -> Result<Verified> {
    control.check()?;
    let reference = &request.reference;
    let point = reference.find(&pools.backups).await?;
    let backup = pools.backups.open_read_only(&point.base, point.snapshot.as_deref()).await?;
    let table = point.sums(&backup, reference).await?;
    let volume = match pools.volumes.open_read_only(&request.image, None).await {
        Ok(volume) => Some(volume),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    let source = match &volume {
        Some(volume) => marked_at(volume, reference, point.snapshot.as_deref(), point.size).await?,
        None => None,
    };
    let source = match source {
        Some(marker) => match pools.volumes.open_read_only(&request.image, Some(&marker.name)).await {
            Ok(source) => Some((source, marker.id)),
            // trimmed meanwhile: a newer backup was made
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };

    let content = Change::content_of(&backup).await?;
    let held = match &source {
        Some((source, _)) => Some(Change::content_of(source).await?),
        None => None,
    };
    let pipeline = Pipeline {
        name: backup.path(),
        control,
        total: point.size,
        period: REGION,
        weight: 2,
        expected: table.as_ref(),
        fail_fast: false,
        what: None,
        part: Part::default(),
    };
    let source_image = source.as_ref().map(|(image, _)| image);
    let differs = AtomicU64::new(u64::MAX);
    let walk = Walk::new(&content, held.as_ref(), point.size);
    let pace = request.bytes_per_second.map(Pace::new);
    let pace = pace.as_ref();
    let piece = |piece: Extent| {
        let compared = compare(&backup, source_image, piece, &differs);
        async move {
            if let Some(pace) = pace {
                pace.take(piece.len).await;
            }
            compared.await
        }
    };
    let passed = Box::pin(pipeline.run(walk, piece)).await.map_err(|error| error.reading(&backup))?;
    // what was read must have been there to the end: a removed snapshot reads as something else
    still_there(&pools.backups, &point.base, &backup.id().await?, point.snapshot_id.as_slice()).await?;
    if let Some(first) = passed.damaged.first() {
        let image = backup.path().to_owned();
        return Err(Error::Damaged { image, offset: first * REGION, regions: passed.damaged.len() });
    }
    let bad_metadata = match metadata::read(&pools.backups, reference.backup).await {
        Ok(_) => false,
        Err(error @ Error::BadMetadata { .. }) => {
            tracing::warn!(backup = %reference.backup, %error, "the data is not concerned");
            true
        }
        Err(error) => return Err(error),
    };
    let compared = match (&source, &volume) {
        (Some((source, id)), Some(volume)) => {
            let whole = still_there(&pools.volumes, &request.image, &volume.id().await?, &[*id]).await;
            let differs = Some(differs.into_inner()).filter(|offset| *offset != u64::MAX);
            judge(backup.path(), source.path(), whole, differs, table.is_some())?
        }
        _ => Source::Unknown,
    };
    let verified = Verified {
        size: point.size,
        read: passed.examined,
        checksums: table.is_some(),
        source: compared == Source::Same,
        source_differs: compared == Source::Differs,
        bad_metadata,
    };
    tracing::info!(backup = %reference.backup, ?verified, "backup verified");
    Ok(verified)
}

/// What the volume's snapshot is to a backup that its checksums do not say to be damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// There is none, or no longer.
    Unknown,
    /// It has the same content.
    Same,
    /// It has another.
    Differs,
}

/// What the comparison with the volume's snapshot says.
fn judge(backup: &str, source: &str, there: Result<()>, differs: Option<u64>, checksums: bool) -> Result<Source> {
    match (there, differs) {
        (Err(Error::SourceVanished { .. }), _) => Ok(Source::Unknown), // removed meanwhile: what was read of it says nothing
        (Err(error), _) => Err(error),
        (Ok(()), None) => Ok(Source::Same),
        (Ok(()), Some(offset)) if checksums => {
            // the backup is what was read when it was made
            tracing::warn!(backup, source, offset, "the volume's snapshot is not what was backed up");
            Ok(Source::Differs)
        }
        (Ok(()), Some(offset)) => Err(Error::Differs { image: backup.to_owned(), snapshot: source.to_owned(), offset }),
    }
}

/// Reads a piece of the backup, and of the volume's snapshot if there is one; notes where the first difference is.
async fn compare(backup: &Image, source: Option<&Image>, piece: Extent, differs: &AtomicU64) -> Result<Piece> {
    let len = usize::try_from(piece.len).unwrap_or(usize::MAX);
    let other = async {
        match source {
            Some(source) => Ok(Some(source.read(piece.offset, len).await?)),
            None => Ok::<_, Error>(None),
        }
    };
    let data = async { Ok(backup.read(piece.offset, len).await?) };
    let (data, other) = futures_util::try_join!(data, other)?;
    if other.is_some_and(|other| other != data) {
        differs.fetch_min(piece.offset, Ordering::Relaxed);
    }
    let mut deltas = Deltas::new();
    add(&mut deltas, piece.offset, &data);
    Ok(Piece { written: 0, deltas })
}
