//! The checksums of a backup, kept in the base's own metadata, where Cinder neither looks nor leaves them behind
//! (format spec 8).
//!
//! ```text
//! cindervault.sums.<backup>            index: the size, and for each segment that holds data whose sums it has
//! cindervault.sums.<backup>.<segment>  the sums of 1024 regions (4 GiB of the image), base64 of 64-bit numbers
//! ```
//!
//! An increment writes the segments that it changed and refers to its parent's for the others, so that its
//! checksums cost what it changed. A backup whose parent has none, one of Cinder's, has none either. What no
//! restore point needs any more is swept when one is deleted.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fail_points::Point;
use futures_util::stream::{StreamExt, TryStreamExt};
use rbd::Image;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::mutation;
use crate::sums::{Deltas, REGION};

/// What all keys begin with.
const PREFIX: &str = "cindervault.sums.";

/// How many regions a segment has.
const SEGMENT: u64 = 1024;

/// How many segments are read at once.
const AT_ONCE: usize = 16;

/// Which layout this is.
const VERSION: u32 = 1;

/// Where the sums of a backup are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    version: u32,
    /// The image's size at the restore point, bytes.
    pub(crate) size: u64,
    /// For each segment that holds anything but zeroes, the backup that wrote it.
    segments: BTreeMap<u64, Uuid>,
}

impl Index {
    /// Reads a backup's index from its base; `None` when it has no checksums.
    ///
    /// # Errors
    /// It can not be understood, or Ceph failed.
    pub(crate) async fn read(base: &Image, backup: Uuid) -> Result<Option<Self>> {
        let key = index_key(backup);
        let Some(text) = base.metadata(&key).await? else { return Ok(None) };
        let bad = |reason: String| Error::BadSums { image: base.path().to_owned(), key: key.clone(), reason };
        let index: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if index.version != VERSION {
            return Err(bad(format!("version {} is not known", index.version)));
        }
        Ok(Some(index))
    }
}

/// The checksums of one restore point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) size: u64,
    sums: BTreeMap<u64, Vec<u64>>,
}

impl Table {
    /// Reads all of a backup's checksums; `None` when it has none.
    ///
    /// # Errors
    /// They can not be understood or are not all there, or Ceph failed.
    pub(crate) async fn read(base: &Image, backup: Uuid) -> Result<Option<Self>> {
        let Some(index) = Index::read(base, backup).await? else { return Ok(None) };
        let read: Vec<_> = index.segments.iter().map(|(segment, owner)| numbered(base, *owner, *segment)).collect();
        let sums = futures_util::stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        Ok(Some(Self { size: index.size, sums }))
    }

    /// The sum that a region must have.
    pub(crate) fn sum(&self, region: u64) -> u64 {
        let segment = self.sums.get(&(region / SEGMENT));
        segment.and_then(|sums| sums.get(place(region))).copied().unwrap_or(0)
    }

    /// The same for these regions, and none for all others, as if they held nothing.
    pub(crate) fn only(&self, regions: &[u64]) -> Self {
        let known: Vec<(u64, u64)> = regions.iter().map(|region| (*region, self.sum(*region))).collect();
        Self::of_sums(self.size, &known)
    }

    pub(crate) fn of_sums(size: u64, known: &[(u64, u64)]) -> Self {
        let mut sums: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (region, sum) in known {
            let segment = sums.entry(region / SEGMENT).or_insert_with(|| vec![0; place(SEGMENT - 1) + 1]);
            segment[place(*region)] = *sum;
        }
        Self { size, sums }
    }
}

/// Writes the checksums of a backup that is about to be committed: what its copy did to those of its parent, or
/// to nothing.
///
/// # Errors
/// The parent's can not be understood, or Ceph failed.
pub(crate) async fn write(
    base: &Image,
    backup: Uuid,
    parent: Option<&Index>,
    size: u64,
    deltas: &Deltas,
) -> Result<()> {
    let regions = size.div_ceil(REGION);
    let mut index = Index { version: VERSION, size, segments: BTreeMap::new() };
    let mut touched: BTreeSet<u64> = deltas.keys().filter(|region| **region < regions).map(|r| r / SEGMENT).collect();
    if let Some(parent) = parent {
        index.segments.clone_from(&parent.segments);
        index.segments.retain(|segment, _| segment * SEGMENT < regions);
        if parent.size > size && regions > 0 {
            touched.insert((regions - 1) / SEGMENT); // the sums behind the end go
        }
    }
    for segment in touched {
        let mut sums = match index.segments.remove(&segment) {
            Some(owner) => read_segment(base, owner, segment).await?,
            None => vec![0; place(SEGMENT - 1) + 1],
        };
        for (region, delta) in deltas.range(segment * SEGMENT..(segment + 1) * SEGMENT) {
            let sum = &mut sums[place(*region)];
            *sum = if delta.whole { delta.sum } else { sum.wrapping_add(delta.sum) };
        }
        if segment == regions.saturating_sub(1) / SEGMENT && !regions.is_multiple_of(SEGMENT) {
            sums[place(regions)..].fill(0);
        }
        if sums.iter().any(|sum| *sum != 0) {
            index.segments.insert(segment, backup);
            mutation::set_metadata(Point::WriteSums, base, &segment_key(backup, segment), &encode(&sums)).await?;
        }
    }
    // the index last: what it names is there
    let text = serde_json::to_string(&index).unwrap_or_default();
    mutation::set_metadata(Point::WriteSums, base, &index_key(backup), &text).await?;
    Ok(())
}

/// Removes all checksums from a base that the restore points `kept` do not need.
///
/// # Errors
/// One of theirs can not be understood, or Ceph failed.
pub(crate) async fn sweep(base: &Image, kept: &[Uuid]) -> Result<()> {
    for key in unneeded(base, kept).await? {
        mutation::remove_metadata(Point::RemoveSums, base, &key).await?;
    }
    Ok(())
}

/// What is said of a backup that was made with checksums and has none any more.
pub(crate) fn missing(base: &Image, backup: Uuid) -> Error {
    let reason = "it was made with them, and they are missing".to_owned();
    Error::BadSums { image: base.path().to_owned(), key: index_key(backup), reason }
}

/// Those of the restore points `kept` that have no index of checksums.
///
/// # Errors
/// Ceph failed.
pub(crate) async fn without_index(base: &Image, kept: &[Uuid]) -> Result<Vec<Uuid>> {
    let keys: BTreeSet<String> = base.metadata_keys(PREFIX).await?.into_iter().collect();
    Ok(kept.iter().copied().filter(|backup| !keys.contains(&index_key(*backup))).collect())
}

/// The keys of a base's checksums that the restore points `kept` do not need.
///
/// # Errors
/// One of theirs can not be understood or has lost its index, so that what it needs can not be told, or Ceph failed.
pub(crate) async fn unneeded(base: &Image, kept: &[Uuid]) -> Result<Vec<String>> {
    let mut keys = base.metadata_keys(PREFIX).await?;
    if keys.is_empty() {
        return Ok(keys);
    }
    let mut needed = BTreeSet::new();
    for backup in kept {
        if let Some(index) = Index::read(base, *backup).await? {
            needed.insert(index_key(*backup));
            needed.extend(index.segments.iter().map(|(segment, owner)| segment_key(*owner, *segment)));
        } else if keys.iter().any(|key| key.starts_with(&format!("{}.", index_key(*backup)))) {
            return Err(missing(base, *backup));
        }
    }
    keys.retain(|key| !needed.contains(key));
    Ok(keys)
}

fn index_key(backup: Uuid) -> String {
    format!("{PREFIX}{backup}")
}

fn segment_key(backup: Uuid, segment: u64) -> String {
    format!("{PREFIX}{backup}.{segment}")
}

/// A region's place in its segment.
fn place(region: u64) -> usize {
    usize::try_from(region % SEGMENT).unwrap_or(0)
}

async fn read_segment(base: &Image, owner: Uuid, segment: u64) -> Result<Vec<u64>> {
    let key = segment_key(owner, segment);
    let bad =
        |reason: &str| Error::BadSums { image: base.path().to_owned(), key: key.clone(), reason: reason.to_owned() };
    let text = base.metadata(&key).await?.ok_or_else(|| bad("it is missing"))?;
    decode(&text).ok_or_else(|| bad("it is damaged"))
}

/// A segment with its number.
async fn numbered(base: &Image, owner: Uuid, segment: u64) -> Result<(u64, Vec<u64>)> {
    Ok((segment, read_segment(base, owner, segment).await?))
}

fn encode(sums: &[u64]) -> String {
    BASE64.encode(sums.iter().flat_map(|sum| sum.to_le_bytes()).collect::<Vec<u8>>())
}

fn decode(text: &str) -> Option<Vec<u64>> {
    let bytes = BASE64.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks::<8>();
    let whole = rest.is_empty() && numbers.len() == place(SEGMENT - 1) + 1;
    whole.then(|| numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_written_and_read() {
        let sums: Vec<u64> = (0..SEGMENT).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let text = encode(&sums);
        assert_eq!(decode(&text), Some(sums));
        for damaged in ["", "AAAA", &text[..text.len() - 4], &text[1..], "no base64 at all"] {
            assert_eq!(decode(damaged), None, "{damaged:.20}");
        }
    }

    #[test]
    fn a_table_answers_for_every_region() {
        let table = Table::of_sums(0, &[(0, 1), (SEGMENT + 3, 2)]);
        assert_eq!([0, 1, SEGMENT + 3, 9 * SEGMENT].map(|region| table.sum(region)), [1, 0, 2, 0]);
    }
}
