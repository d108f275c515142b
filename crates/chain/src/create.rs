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

use std::time::SystemTime;

use fail_points::Point;
use rbd::{Errno, Features, Image, Pool, Snapshot};
use uuid::Uuid;

use self::content::{Content, Recorded, Target};
use crate::control::{Control, Step};
use crate::error::{Error, Result};
use crate::metadata::{self, VolumeMetadata};
use crate::mutation;
use crate::names::{Marker, base_image, volume_snapshot};
use crate::pipeline::Passed;
use crate::point::{BaseRef, RestorePoint, markers, only_marker, still_there};
use crate::{Pools, delete, table};

mod content;

/// What base images have: the features that Cinder gives them (format spec 1.6).
const BASE_FEATURES: Features =
    Features::LAYERING.with(Features::EXCLUSIVE_LOCK).with(Features::OBJECT_MAP).with(Features::FAST_DIFF);

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

/// What an increment may start from.
#[derive(Debug, Default)]
struct Choice {
    /// The parent, if there is one from which an increment is right.
    start: Option<Start>,
    /// Candidates that were passed over because their checksums are damaged.
    suspects: Vec<Uuid>,
}

/// Where an incremental backup starts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Start {
    parent: Uuid,
    base: String,
    /// The parent's restore point on the base: its name and its id.
    point: (String, u64),
    /// The image's size at it, bytes.
    size: u64,
    /// The snapshot of the volume's image with the same content: its name and its id.
    from: (String, u64),
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
        if begun.is_some() {
            remove_own_base(&pools.backups, request, control).await?;
        }
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

/// Makes the restore point of what the base's head holds now; returns its id.
async fn commit(base: &Image, point: &str, control: &Control) -> Result<u64> {
    let mut made = make_snapshot(Snap::Point, base, point).await;
    if matches!(&made, Err(Error::Ceph(error)) if error.errno == Errno::EXISTS) {
        // a retried request of librbd's own, or a worker that lost this job and did not know it yet, too early:
        // whose it is can not be told, but while the job is ours what the head holds now is right
        control.prove().await?;
        tracing::warn!(base = base.path(), point, "the restore point was there already; it is made again");
        mutation::remove_snapshot(Point::RemoveEarlyPoint, base, point).await?;
        made = make_snapshot(Snap::Point, base, point).await;
    }
    made
}

/// What a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Snap {
    /// The marker on the volume.
    Marker,
    /// The restore point on the base.
    Point,
}

impl Snap {
    fn create(self) -> Point {
        match self {
            Self::Marker => Point::CreateMarker,
            Self::Point => Point::CreatePoint,
        }
    }

    /// Of one that was not made whole.
    fn remove(self) -> Point {
        match self {
            Self::Marker => Point::RemoveHalfMarker,
            Self::Point => Point::RemoveHalfPoint,
        }
    }
}

/// Makes a snapshot that everybody can open, or none; returns its id.
async fn make_snapshot(what: Snap, image: &Image, name: &str) -> Result<u64> {
    let error = match mutation::create_snapshot(what.create(), image, name).await {
        Ok(()) => {
            let snapshots = image.snapshots().await?;
            // librbd that has no map of the head, for want of space or because it is lost, makes a snapshot with
            // none or an empty one and says that all is well
            if let Some(made) = snapshots.iter().find(|snapshot| snapshot.name == name)
                && image.snapshot_is_whole(made.id).await?
            {
                return Ok(made.id);
            }
            Error::HalfSnapshot { image: image.path().to_owned(), snapshot: name.to_owned() }
        }
        Err(error) if error.errno == Errno::EXISTS => return Err(error.into()),
        // without space for its object map it stays
        Err(error) => error.into(),
    };
    if let Err(left) = mutation::remove_snapshot(what.remove(), image, name).await
        && !left.is_not_found()
    {
        tracing::warn!(error = %left, image = image.path(), "the snapshot that could not be made may be left");
    }
    Err(error)
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

/// Whether an earlier attempt got as far as its commit.
async fn find_commit(pools: &Pools, request: &Request) -> Result<Option<Created>> {
    for base in bases_of(request) {
        let image = match pools.backups.open_read_only(&base, None).await {
            Ok(image) => image,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.into()),
        };
        let snapshots = image.snapshots().await?;
        if let Some(point) = only_marker(&image, &snapshots, request.backup)? {
            if !image.snapshot_is_whole(point.id).await? {
                let image = pools.backups.open(&base).await?;
                mutation::remove_snapshot(Point::RemoveHalfPoint, &image, &point.name).await?;
                image.close().await;
                continue;
            }
            let before = markers(&snapshots).filter(|(_, snapshot)| snapshot.id < point.id).last();
            let parent = match before {
                None => None,
                Some((marker, _)) => Some(chosen_parent(pools, request, &base).await?.unwrap_or(marker.backup())),
            };
            let checksums = table::without_index(&image, &[request.backup]).await?.is_empty();
            let (marker, size) = (point.name.clone(), point.size);
            return Ok(Some(Created { base, marker, parent, size, written: 0, checksums, suspects: Vec::new() }));
        }
    }
    Ok(None)
}

/// The parent that an earlier attempt, which has committed to `base`, chose: not always the restore point
/// just before. `None` when the volume can not tell any more.
async fn chosen_parent(pools: &Pools, request: &Request, base: &str) -> Result<Option<Uuid>> {
    let start = match open_volume(&pools.volumes, &request.image, true).await {
        Ok(source) => choose_start(pools, request, &source, None).await.map(|choice| choice.start),
        Err(error) => Err(error),
    };
    match start {
        Ok(start) => Ok(start.filter(|start| start.base == base).map(|start| start.parent)),
        Err(Error::NoVolumeImage { .. } | Error::NoVolumeSnapshot { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first candidate from which an increment is right; `first` is where the first of them was found, if it was
/// looked for already.
async fn choose_start(
    pools: &Pools,
    request: &Request,
    source: &Image,
    mut first: Option<Result<RestorePoint>>,
) -> Result<Choice> {
    let mut choice = Choice::default();
    if request.parents.is_empty() {
        return Ok(choice);
    }
    let on_volume = source.snapshots().await?;
    let end = match request.snapshot {
        Some(snapshot) => Some(require_snapshot(source, &on_volume, snapshot)?.id),
        None => only_marker(source, &on_volume, request.backup)?.map(|marker| marker.id),
    };
    for parent in &request.parents {
        let found = match first.take() {
            Some(found) => found,
            None => parent.find(&pools.backups).await,
        };
        let point = match found {
            Ok(point) => point,
            Err(
                error @ (Error::NoBase { .. }
                | Error::NoRestorePoint { .. }
                | Error::StrangeBase { .. }
                | Error::AmbiguousRestorePoint { .. }),
            ) => {
                tracing::warn!(parent = %parent.backup, %error, "this backup can not be a parent");
                continue;
            }
            Err(error) => return Err(error),
        };
        // a plain copy has no point from which a difference could be taken
        let (Some(snapshot), Some(id)) = (point.snapshot.clone(), point.snapshot_id) else { continue };
        let marked = match only_marker(source, &on_volume, parent.backup) {
            Ok(marked) => marked,
            // which of them is the right one can not be told
            Err(error) => {
                tracing::warn!(parent = %parent.backup, %error, "this backup can not be a parent");
                continue;
            }
        };
        let from = marked.or_else(|| {
            let name = volume_snapshot(parent.snapshot?);
            on_volume.iter().find(|snapshot| snapshot.name == name)
        });
        let Some(from) = from.filter(|from| end.is_none_or(|end| from.id < end)) else {
            tracing::info!(parent = %parent.backup, "the volume no longer has the point that this backup was made at");
            continue;
        };
        // a base that is shorter than what it was made of is a truncated copy (format spec 3.7)
        if point.size != from.size {
            tracing::warn!(parent = %parent.backup, "the base and the volume's snapshot differ in size");
            continue;
        }
        // what is built upon checksums that can not be read would have none, and all that is built upon that
        if request.checksums && has_bad_sums(pools, parent, &point).await? {
            choice.suspects.push(parent.backup);
            continue;
        }
        let from = (from.name.clone(), from.id);
        let (parent, base, point, size) = (parent.backup, point.base, (snapshot, id), point.size);
        choice.start = Some(Start { parent, base, point, size, from });
        break;
    }
    Ok(choice)
}

/// Whether the checksums of a restore point are damaged, or gone.
async fn has_bad_sums(pools: &Pools, parent: &BaseRef, point: &RestorePoint) -> Result<bool> {
    let base = match pools.backups.open_read_only(&point.base, None).await {
        Ok(base) => base,
        Err(error) if error.is_not_found() => return Err(Error::SourceVanished { image: point.base.clone() }),
        Err(error) => return Err(error.into()),
    };
    match point.sums(&base, parent).await {
        Ok(_) => Ok(false),
        Err(error @ (Error::BadSums { .. } | Error::Truncated { .. })) => {
            tracing::warn!(parent = %parent.backup, %error, "this backup can not be a parent");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// The id of the snapshot to copy from, if an earlier attempt may have begun to.
async fn begun_at(request: &Request, source: &Image) -> Result<Option<u64>> {
    let snapshots = source.snapshots().await?;
    Ok(match request.snapshot {
        Some(snapshot) => Some(require_snapshot(source, &snapshots, snapshot)?.id),
        None => only_marker(source, &snapshots, request.backup)?.map(|marker| marker.id),
    })
}

/// Removes the half-filled base of an earlier attempt, which found no parent, from before one that did.
async fn remove_own_base(pool: &Pool, request: &Request, control: &Control) -> Result<()> {
    let name = &base_image(request.volume, request.backup);
    let image = match pool.open_read_only(name, None).await {
        Ok(image) => image,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let (path, snapshots) = (image.path().to_owned(), image.snapshots().await?);
    image.close().await;
    if !snapshots.is_empty() {
        return Err(Error::BaseTaken { image: path });
    }
    control.prove().await?;
    delete::remove_image(Point::RemoveUnfinishedBase, pool, name, delete::OnBusy::Fail).await?;
    Ok(())
}

/// Makes the base image of a full backup. One that an interrupted attempt left half-filled is kept where the
/// journal says how far it was filled from the snapshot `from`, and made anew otherwise. Returns whether it was kept.
async fn prepare_base(
    pool: &Pool,
    request: &Request,
    source: &Image,
    from: Option<u64>,
    control: &Control,
) -> Result<bool> {
    let name = &base_image(request.volume, request.backup);
    let size = source.size().await?;
    match mutation::create_image(Point::CreateBase, pool, name, size, Some(BASE_FEATURES)).await {
        Ok(()) => return Ok(false),
        Err(error) if error.errno == Errno::EXISTS => {}
        Err(error) => return Err(error.into()),
    }
    match pool.open_read_only(name, None).await {
        Ok(image) => {
            if markers(&image.snapshots().await?).next().is_some() {
                return Err(Error::BaseTaken { image: image.path().to_owned() });
            }
            if let Some(from) = from
                && let what = content::full_copy(&image.id().await?, &source.id().await?, from, request.checksums)
                && control.journal.of(&what).is_some()
                // one that is not whole is made anew, and what it was copied from is no more
                && source.snapshot_is_whole(from).await?
            {
                return Ok(true);
            }
            image.close().await;
        }
        // only its name: the making of it was cut short
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    // never to the trash: what stays in use is perhaps being filled by the worker that took this job over
    control.prove().await?;
    delete::remove_image(Point::RemoveUnfinishedBase, pool, name, delete::OnBusy::Fail).await?;
    mutation::create_image(Point::CreateBase, pool, name, size, Some(BASE_FEATURES)).await?;
    Ok(false)
}

/// The marker's name and the snapshot of the volume's image to copy from.
async fn source_point(request: &Request, source: &Image) -> Result<(Marker, String)> {
    let on_volume = source.snapshots().await?;
    if let Some(snapshot) = request.snapshot {
        let point = require_snapshot(source, &on_volume, snapshot)?;
        // the same at every attempt, as that of a marker is
        let time = source.snapshot_time(point.id).await?;
        return Ok((Marker::new(request.backup, time), point.name.clone()));
    }
    if let Some(marker) = only_marker(source, &on_volume, request.backup)? {
        let name = marker.name.clone();
        if source.snapshot_is_whole(marker.id).await? {
            return Ok((Marker::parse(&name).unwrap_or_else(|| Marker::new(request.backup, SystemTime::now())), name));
        }
        mutation::remove_snapshot(Point::RemoveHalfMarker, source, &name).await?;
    }
    let marker = Marker::new(request.backup, SystemTime::now());
    make_snapshot(Snap::Marker, source, marker.name()).await?;
    let name = marker.name().to_owned();
    Ok((marker, name))
}

fn require_snapshot<'a>(source: &Image, on_volume: &'a [Snapshot], snapshot: Uuid) -> Result<&'a Snapshot> {
    let name = volume_snapshot(snapshot);
    on_volume
        .iter()
        .find(|candidate| candidate.name == name)
        .ok_or_else(|| Error::NoVolumeSnapshot { image: source.path().to_owned(), snapshot: name })
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
