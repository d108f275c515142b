//! Making a backup (format spec 2 and 7.4).
//!
//! 1. *plan*: look at what an interrupted attempt left; choose the parent: the first candidate whose restore
//!    point is on its base and whose starting point is still on the volume. None: a full backup.
//! 2. *base-image*: a full backup gets an image of its own.
//! 3. *source-snapshot*: the marker on the volume; a backup of a volume snapshot needs none.
//! 4. *copy*: what the volume's image says has changed since the parent's starting point, and what differs
//!    between the parent's restore point and the base's head.
//! 5. *commit*: the equally named snapshot on the base. With it the backup exists.
//! 6. *metadata*: the object with the volume's metadata.
//!
//! The second half of step 4 is what makes the chain safe against leftovers. The head of a base may hold
//! more than the parent's restore point: part of a failed attempt, or a newer backup that has been deleted
//! since. The diff of the volume does not cover all of that: an object that was written and discarded again
//! between the two points is a hole at both of them, so that the volume's diff is silent about it while the
//! head still holds its data.

use rbd::{Image, Pool};
use uuid::Uuid;

use self::base::{prepare_base, remove_own_base};
use self::content::{Content, Recorded, Target};
use self::earlier::find_commit;
use self::snapshot::{begun_at, commit, source_point};
use self::start::{Choice, Start, choose_start};
use crate::control::{Control, Step};
use crate::error::{Error, Result};
use crate::metadata::{self, VolumeMetadata};
use crate::names::base_image;
use crate::pipeline::Passed;
use crate::point::{BaseRef, still_there};
use crate::{Pools, delete, table};

mod base;
mod content;
mod earlier;
mod snapshot;
mod start;

/// What is to be backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The backup's id.
    pub backup: Uuid,
    /// The volume's id.
    pub volume: Uuid,
    /// The volume's image.
    pub image: String,
    /// The volume snapshot to back up, or the volume as it stands now.
    pub snapshot: Option<Uuid>,
    /// Backups of this volume that may serve as the parent, best first; empty for a full backup.
    pub parents: Vec<BaseRef>,
    /// Images besides those of the parents in which an earlier attempt may have committed: those of backups that were
    /// parents then and are none any more.
    pub places: Vec<String>,
    /// Whether checksums are recorded.
    pub checksums: bool,
    /// The volume's metadata, stored beside the data.
    pub metadata: VolumeMetadata,
}

/// The backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its base image.
    pub base: String,
    /// Its snapshot on the base.
    pub marker: String,
    /// The parent; `None` for a full backup.
    pub parent: Option<Uuid>,
    /// The image's size then, in bytes.
    pub size: u64,
    /// How much was written, in bytes.
    pub written: u64,
    /// Whether it has checksums.
    pub checksums: bool,
    /// Backups that were not taken as the parent because their checksums are damaged: they want to be verified.
    pub suspects: Vec<Uuid>,
}

/// Makes a backup, or finishes one that an interrupted call began.
///
/// After an error the caller either calls again or calls [`abandon`].
///
/// # Errors
/// The volume's image or snapshot is gone, Ceph failed, or the operation was interrupted.
pub async fn create(pools: &Pools, request: &Request, control: &Control) -> Result<Created> {
    control.step(Step::Plan).await?;
    request.metadata.check()?; // not after all of the data was copied
    // a volume snapshot is only read; a marker has to be made, which needs a handle that may write
    let open_source = open_volume(&pools.volumes, &request.image, request.snapshot.is_some());
    // the first candidate is most often the one that is taken: looked for meanwhile
    let find_first = async {
        match request.parents.first() {
            Some(first) => Some(first.find(&pools.backups).await),
            None => None,
        }
    };
    let (source, first) = tokio::join!(open_source, find_first);
    let source = match source {
        Ok(source) => source,
        Err(error) => {
            // the volume may have gone after an earlier attempt had committed
            let done = find_commit(pools, request).await?.ok_or(error)?;
            return finish(pools, request, control, done).await;
        }
    };
    // the marker is made before anything else: without one nothing can have been committed
    let begun = begun_at(request, &source).await?;
    if begun.is_some()
        && let Some(done) = find_commit(pools, request).await?
    {
        return finish(pools, request, control, done).await;
    }
    let Choice { start, suspects } = choose_start(pools, request, &source, first).await?;

    let mut filled = false;
    let base = if let Some(start) = &start {
        // an attempt that found no parent may have got as far as that, even without a marker
        remove_own_base(&pools.backups, request, control).await?;
        start.base.clone()
    } else {
        control.step(Step::BaseImage).await?;
        filled = prepare_base(&pools.backups, request, &source, begun, control).await?;
        base_image(request.volume, request.backup)
    };

    control.step(Step::SourceSnapshot).await?;
    let open_target = async { Target::open(pools, &base, start.is_some(), filled, source.size().await?).await };
    // both to their end: a snapshot that is being made is made, whether or not somebody waits for it
    let (pointed, target) = tokio::join!(source_point(request, &source), open_target);
    let ((marker, point), target) = (pointed?, target?);

    control.step(Step::Copy).await?;
    // closing gives a watch and perhaps a lock back, which takes a while: beside the copy
    let copying = Box::pin(content::copy(pools, request, control, start.as_ref(), &point, &target));
    let (copied, ()) = tokio::join!(copying, source.close());
    let Content { size, passed, sums } = copied?;
    let to = target.to;

    control.step(Step::Commit).await?;
    // before the commit, so that what is there has its checksums
    let checksums = record_sums(&to, request.backup, &sums, size, &passed).await?;
    // nor is anything committed that was compared with a restore point which was not there to the end
    if let Some(start) = &start
        && !to.snapshots().await?.iter().any(|snapshot| snapshot.id == start.point.1)
    {
        return Err(Error::SourceVanished { image: to.path().to_owned() });
    }
    let committed = commit(&to, marker.name(), control).await?;
    let needed: Vec<u64> = start.iter().map(|start| start.point.1).chain([committed]).collect();
    let base_id = to.id().await?;
    let done = Created {
        base,
        marker: marker.name().to_owned(),
        parent: start.map(|start| start.parent),
        size,
        written: passed.written,
        checksums,
        suspects,
    };
    // the name must lead to what was written: to the base itself, with parent and new restore point
    let name = done.base.clone();
    let verified = still_there(&pools.backups, &name, &base_id, &needed);
    let (done, verified, ()) = tokio::join!(finish(pools, request, control, done), verified, to.close());
    verified?;
    done
}

/// Records the checksums of what is about to be committed; returns whether it has any.
async fn record_sums(base: &Image, backup: Uuid, sums: &Recorded, size: u64, passed: &Passed) -> Result<bool> {
    let parent = match sums {
        Recorded::Not => return Ok(false),
        Recorded::Whole => None,
        Recorded::Since(parent) => Some(parent),
    };
    table::write(base, backup, parent, size, &passed.deltas).await?;
    Ok(true)
}

async fn finish(pools: &Pools, request: &Request, control: &Control, done: Created) -> Result<Created> {
    control.step(Step::Metadata).await?;
    metadata::write(&pools.backups, request.backup, &request.metadata).await?;
    tracing::info!(backup = %request.backup, base = %done.base, size = done.size, written = done.written, "backup made");
    Ok(done)
}

/// Undoes what an attempt that failed for good has left: the marker, and everything of this backup in the
/// backup pool. Leaves the head of a shared base as it is; the next backup sets it right.
///
/// # Errors
/// Ceph failed; calling again is right.
pub async fn abandon(pools: &Pools, request: &Request, control: &Control) -> Result<()> {
    let places = bases_of(request).into_iter().map(|base| {
        let reference = BaseRef { base: Some(base), ..own(request) };
        delete::Request { reference, image: request.image.clone(), sole_legacy: false, failed: true }
    });
    delete::delete(pools, &places.collect::<Vec<_>>(), control).await.map(drop)
}

/// The backup as it is looked for while it is being made.
fn own(request: &Request) -> BaseRef {
    let Request { backup, volume, snapshot, .. } = *request;
    BaseRef { backup, volume, base: None, snapshot, checksums: false }
}

/// The images that may hold something of the backup: its own, those of the possible parents, and those of what was a
/// parent earlier. One whose record names a strange image is none (it is passed over when the parent is chosen).
fn bases_of(request: &Request) -> Vec<String> {
    let mut bases = vec![base_image(request.volume, request.backup)];
    let earlier = request.places.iter().map(|base| BaseRef { base: Some(base.clone()), ..own(request) });
    for name in request.parents.iter().cloned().chain(earlier).filter_map(|parent| parent.names().ok()).flatten() {
        if !bases.contains(&name) {
            bases.push(name);
        }
    }
    bases
}

async fn open_volume(pool: &Pool, name: &str, read_only: bool) -> Result<Image> {
    let opened = if read_only { pool.open_read_only(name, None).await } else { pool.open(name).await };
    opened.map_err(|error| {
        if error.is_not_found() {
            Error::NoVolumeImage { image: format!("{}/{name}", pool.name()) }
        } else {
            error.into()
        }
    })
}
