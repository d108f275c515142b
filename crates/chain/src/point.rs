//! Finding a backup's restore point on disk.

use rbd::{Image, Pool, Snapshot};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::names::{Marker, base_image, legacy_base_image};
use crate::table::{self, Table};

/// What the records say about where a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseRef {
    /// The backup.
    pub backup: Uuid,
    /// The volume that it was made of.
    pub volume: Uuid,
    /// The base image from `service_metadata`; `None` on rows of old releases.
    pub base: Option<String>,
    /// The volume snapshot that it was made of, if one.
    pub snapshot: Option<Uuid>,
    /// Whether it was made with checksums: then it is damaged without.
    pub checksums: bool,
}

/// Where a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestorePoint {
    /// The base image.
    pub base: String,
    /// Its snapshot; `None` for a plain copy of an old release, whose head is the backup.
    pub snapshot: Option<String>,
    /// That snapshot's id.
    pub snapshot_id: Option<u64>,
    /// The size of the image at that point, in bytes.
    pub size: u64,
}

impl BaseRef {
    /// Whether the record can be true at all: whether the image that it names can be a base of its volume.
    ///
    /// # Errors
    /// It can not.
    pub fn check(&self) -> Result<()> {
        self.names().map(drop)
    }

    /// The names that the base may have, most likely first (format spec 1.1 and 3.5).
    ///
    /// # Errors
    /// The recorded name is not one that a base of this volume can have: following it could destroy
    /// somebody else's image.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let own = base_image(self.volume, self.backup);
        let legacy = legacy_base_image(self.volume);
        match &self.base {
            Some(base) => {
                let label = base.strip_prefix(&format!("volume-{}.backup.", self.volume));
                if label.is_some_and(|label| label == "base" || Uuid::try_parse(label).is_ok()) {
                    Ok(vec![base.clone()])
                } else {
                    Err(Error::StrangeBase { image: base.clone(), volume: self.volume })
                }
            }
            None if self.snapshot.is_some() => Ok(vec![legacy, own]),
            None => Ok(vec![own, legacy]),
        }
    }

    /// Finds the restore point.
    ///
    /// # Errors
    /// The base or the restore point is not there, or Ceph failed.
    pub(crate) async fn find(&self, pool: &Pool) -> Result<RestorePoint> {
        let names = self.names()?;
        let mut without = None;
        for name in &names {
            let image = match pool.open_read_only(name, None).await {
                Ok(image) => image,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error.into()),
            };
            let snapshots = image.snapshots().await?;
            if let Some(own) = only_marker(&image, &snapshots, self.backup)? {
                return Ok(RestorePoint {
                    base: name.clone(),
                    snapshot: Some(own.name.clone()),
                    snapshot_id: Some(own.id),
                    size: own.size,
                });
            }
            // only old releases made copies without a snapshot, and they recorded no base with them (format
            // spec 1.2): a base that was recorded and has lost its snapshot is no backup any more
            if self.base.is_none() && markers(&snapshots).next().is_none() {
                // a plain copy of an old release: the head is the backup
                let size = image.size().await?;
                return Ok(RestorePoint { base: name.clone(), snapshot: None, snapshot_id: None, size });
            }
            without = Some((image.path().to_owned(), markers(&snapshots).next().is_some()));
        }
        Err(match without {
            Some((image, others)) => Error::NoRestorePoint { image, backup: self.backup, others },
            None => Error::NoBase { images: names.join(", "), pool: pool.name().to_owned() },
        })
    }
}

impl RestorePoint {
    /// The checksums that were recorded when the backup was made; `base` is a handle on it.
    ///
    /// # Errors
    /// They are damaged, or gone although the records say that the backup has them ([`Error::BadSums`]), the restore
    /// point is not as large as they say ([`Error::Truncated`]), or Ceph failed.
    pub(crate) async fn sums(&self, base: &Image, reference: &BaseRef) -> Result<Option<Table>> {
        if self.snapshot.is_none() {
            return Ok(None);
        }
        let table = Table::read(base, reference.backup).await?;
        match &table {
            None if reference.checksums => Err(table::missing(base, reference.backup)),
            Some(table) if table.size != self.size => {
                Err(Error::Truncated { image: base.path().to_owned(), found: self.size, expected: table.size })
            }
            _ => Ok(table),
        }
    }
}

/// The snapshots that mark backups, with what they mark.
pub(crate) fn markers(snapshots: &[Snapshot]) -> impl Iterator<Item = (Marker, &Snapshot)> {
    snapshots.iter().filter_map(|snapshot| Marker::parse(&snapshot.name).map(|marker| (marker, snapshot)))
}

/// Makes sure that `image` of `pool` still is the image `id` with these snapshots. A handle on a snapshot has no
/// watch: when image or snapshot is removed, it reads zeroes or newer bytes, and compares with nothing, without a
/// word. So after a copy it is asked whether all that it was made from was there to the end.
///
/// # Errors
/// It is not ([`Error::SourceVanished`]), or Ceph failed.
pub(crate) async fn still_there(pool: &Pool, image: &str, id: &str, snapshots: &[u64]) -> Result<()> {
    let gone = || Error::SourceVanished { image: format!("{}/{image}", pool.name()) };
    let now = match pool.open_read_only(image, None).await {
        Ok(now) => now,
        Err(error) if error.is_not_found() => return Err(gone()),
        Err(error) => return Err(error.into()),
    };
    let there = now.snapshots().await?;
    let whole = snapshots.iter().all(|id| there.iter().any(|candidate| candidate.id == *id));
    if now.id().await? == id && whole { Ok(()) } else { Err(gone()) }
}

/// The one snapshot that marks `backup`.
///
/// # Errors
/// There are two.
pub(crate) fn only_marker<'a>(image: &Image, snapshots: &'a [Snapshot], backup: Uuid) -> Result<Option<&'a Snapshot>> {
    let mut own = markers(snapshots).filter(|(marker, _)| marker.backup() == backup).map(|(_, snapshot)| snapshot);
    let first = own.next();
    let more = own.count();
    if more > 0 {
        return Err(Error::AmbiguousRestorePoint { image: image.path().to_owned(), backup, count: more + 1 });
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(base: Option<&str>, snapshot: Option<Uuid>) -> BaseRef {
        let base = base.map(str::to_owned);
        BaseRef { backup: Uuid::from_u128(2), volume: Uuid::from_u128(1), base, snapshot, checksums: false }
    }

    #[test]
    fn a_recorded_base_must_be_one_of_the_volume() {
        let root = base_image(Uuid::from_u128(1), Uuid::from_u128(9));
        assert_eq!(reference(Some(&root), None).names().unwrap(), [root]);
        let legacy = legacy_base_image(Uuid::from_u128(1));
        assert_eq!(reference(Some(&legacy), None).names().unwrap()[0], legacy);
        let foreign = base_image(Uuid::from_u128(3), Uuid::from_u128(2));
        for strange in [foreign.as_str(), "", "volume-x", "../etc", "volume-00000000-0000-0000-0000-000000000001"] {
            assert!(matches!(reference(Some(strange), None).names(), Err(Error::StrangeBase { .. })), "{strange}");
        }
    }

    #[test]
    fn an_old_row_is_looked_for_by_both_names() {
        let own = base_image(Uuid::from_u128(1), Uuid::from_u128(2));
        let legacy = legacy_base_image(Uuid::from_u128(1));
        assert_eq!(reference(None, None).names().unwrap(), [own.clone(), legacy.clone()]);
        assert_eq!(reference(None, Some(Uuid::from_u128(5))).names().unwrap(), [legacy, own]);
    }
}
