//! Writing a backup onto a volume (format spec 3 and 7.5).
//!
//! The cheapest plan that is right is taken:
//!
//! | what the volume's image is | plan | cost |
//! |---|---|---|
//! | a hole from end to end | [`Plan::Fill`]: write what the backup holds | the backup's data |
//! | still carries the point that the backup was made at, and the backup has checksums | [`Plan::Repair`]: undo what changed since, then compare all with the checksums | what changed, and reading the volume |
//! | anything else | [`Plan::Compare`]: look at all that either holds, write what differs | reading both |
//!
//! A restore leaves no snapshot on the volume, never makes it smaller, and keeps holes holes. What is read from the
//! backup is compared with its checksums, or, where it has none, with what the volume's own snapshot says that it was,
//! and a restore of anything else fails. What is not read from the backup, because the volume is said to hold it
//! already, is read from the volume and compared with the same checksums.

use fail_points::Point;
use rbd::{Image, Snapshot};
use uuid::Uuid;

use crate::Pools;
use crate::change::{Change, Walk};
use crate::control::{Control, Progress, Step};
use crate::copy::{Copy, Known, Sums};
use crate::error::{Error, Result};
use crate::mend::{Mend, Mended};
use crate::mutation;
use crate::names::volume_snapshot;
use crate::pipeline::Part;
use crate::point::{BaseRef, RestorePoint, markers, still_there};

/// What is to be restored, and onto what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The backup.
    pub reference: BaseRef,
    /// The image that is written. It must exist and nobody else may be writing to it.
    pub image: String,
}

/// How the volume was brought to the backup's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// It was empty.
    Fill,
    /// Only what changed since the backup, and what the volume holds otherwise than its checksums say.
    Repair,
    /// By comparing both.
    Compare,
}

/// A restore that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// How.
    pub plan: Plan,
    /// The backup's size in bytes.
    pub size: u64,
    /// How much was looked at, in bytes.
    pub examined: u64,
    /// How much of the volume was read only to compare it with the checksums, in bytes.
    pub compared: u64,
    /// How much was written, in bytes.
    pub written: u64,
}

/// Looks where a backup is.
///
/// # Errors
/// The base or the restore point is not there, or Ceph failed.
pub async fn locate(backups: &rbd::Pool, reference: &BaseRef) -> Result<RestorePoint> {
    reference.find(backups).await
}

/// Restores a backup. Can be repeated after an error or an interruption.
///
/// # Errors
/// The restore point is not there or is damaged, the volume's image is not there, Ceph failed, or the operation was
/// interrupted. The volume's content is then undefined.
pub async fn restore(pools: &Pools, request: &Request, control: &Control) -> Result<Restored> {
    control.step(Step::Plan).await?;
    let point = request.reference.find(&pools.backups).await?;
    let size = point.size;
    let open_base = async { Ok(pools.backups.open_read_only(&point.base, point.snapshot.as_deref()).await?) };
    let open_volume = async {
        pools.volumes.open(&request.image).await.map_err(|error| {
            if error.is_not_found() {
                Error::NoVolumeImage { image: format!("{}/{}", pools.volumes.name(), request.image) }
            } else {
                error.into()
            }
        })
    };
    let (from, to) = futures_util::try_join!(open_base, open_volume)?;
    let table = point.sums(&from, &request.reference).await?;

    control.step(Step::Restore).await?;
    // an encrypted volume's image is larger than its GiB (format spec 3.7)
    if to.size().await? < size {
        mutation::resize(Point::GrowVolume, &to, size, false).await?;
    }
    let end = to.size().await?;

    let held = pools.volumes.open_read_only(&request.image, None).await?;
    let marker = marked_at(&held, &request.reference, point.snapshot.as_deref(), size).await?;
    let everything = Change::content_of(&held).await?;
    let (base_id, volume_id) = futures_util::try_join!(from.id(), held.id())?;
    // what the journal calls this: from what, onto what, and how
    let what = |plan: Plan, marker: Option<u64>| {
        format!("{plan:?} {base_id}@{:?} -> {volume_id} from {marker:?}, {end} bytes", point.snapshot_id)
    };
    let damage = |error: Error| error.reading(&from);
    let mut mended = Mended::default();
    let start = match &marker {
        Some(marker) => Some((pools.volumes.open_read_only(&request.image, Some(&marker.name)).await?, marker)),
        None => None,
    };
    let (plan, moved) = if let (Some((start, marker)), Some(table)) = (&start, &table) {
        let changed = Change::between(start, &marker.name, &held).await?;
        let known = if changed.has_suspects() { Known::WorthReading } else { Known::Nothing };
        let what = what(Plan::Repair, Some(marker.id));
        let sums = Sums::Compared(start, Some(table));
        let part = Part { after: end, ..Part::default() };
        let copy = Copy { from: &from, to: &to, known, sums, what: Some(&what), part };
        let moved = copy.run(Walk::new(&changed, None, end), control).await.map_err(damage)?;
        let before = Progress { examined: end, copied: moved.written, total: end };
        let part = Part { before, after: 0 };
        mended = Mend { from: &from, to: &to, table }.run(pools, &request.image, part, control).await?;
        (Plan::Repair, moved)
    } else {
        let content = Change::content_of(&from).await?;
        let (fill, compare) = (what(Plan::Fill, None), what(Plan::Compare, None));
        let part = Part::default();
        let sums = match (&table, &start) {
            (Some(table), _) => Sums::Expected(table),
            // the volume's own snapshot is all that a backup without checksums can be held against
            (None, Some((start, _))) => Sums::Compared(start, None),
            (None, None) => Sums::Ignored,
        };
        let held_then = match &start {
            Some((start, _)) => Some(Change::content_of(start).await?),
            None => None,
        };
        // what an earlier attempt has filled is no reason to compare
        if control.journal.of(&fill).is_some() || Walk::new(&everything, None, end).finds_nothing().await? {
            let copy = Copy { from: &from, to: &to, known: Known::Empty, sums, what: Some(&fill), part };
            (Plan::Fill, copy.run(Walk::new(&content, &held_then, end), control).await.map_err(damage)?)
        } else {
            let copy = Copy { from: &from, to: &to, known: Known::WorthReading, sums, what: Some(&compare), part };
            let walk = Walk::new(&content, [&everything].into_iter().chain(&held_then), end);
            (Plan::Compare, copy.run(walk, control).await.map_err(damage)?)
        }
    };
    if let Some((_, marker)) = &start {
        still_there(&pools.volumes, &request.image, &volume_id, &[marker.id]).await?;
    }
    still_there(&pools.backups, &point.base, &base_id, point.snapshot_id.as_slice()).await?;
    to.close().await;
    let written = moved.written + mended.written;
    let restored = Restored { plan, size, examined: moved.examined, compared: mended.compared, written };
    tracing::info!(backup = %request.reference.backup, image = %request.image, ?restored, "backup restored");
    Ok(restored)
}

/// The snapshot of the volume at which its content was the backup's: the marker, or the volume snapshot that
/// was backed up.
pub(crate) async fn marked_at(
    held: &Image,
    reference: &BaseRef,
    point: Option<&str>,
    size: u64,
) -> Result<Option<Snapshot>> {
    let Some(point) = point else { return Ok(None) };
    let snapshots = held.snapshots().await?;
    // another one that somebody made has another name
    let mut own =
        markers(&snapshots).filter(|(marker, _)| marker.backup() == reference.backup).map(|(_, snapshot)| snapshot);
    let marker = own.find(|marker| marker.name == point);
    let source = reference.snapshot.map(|id: Uuid| volume_snapshot(id));
    let found = marker.or_else(|| snapshots.iter().find(|snapshot| Some(&snapshot.name) == source.as_ref()));
    // a size that differs would mean that one of the two is not what its name says
    Ok(found.filter(|snapshot| snapshot.size == size).cloned())
}
