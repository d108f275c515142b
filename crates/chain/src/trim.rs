//! Removing from a volume what its next increment does not need.
//!
//! An increment starts at its parent's marker, and takes the newest backup of its project and container that it can. So of
//! each such group the newest marker stays. What else is on the volume is nobody's but its owner's: markers of backups
//! that are not complete, which tell that something may have been made, and snapshots that are no markers.

use fail_points::Point;
use rbd::{Errno, Pool, Snapshot};
use uuid::Uuid;

use crate::control::{Control, Step};
use crate::error::Result;
use crate::mutation;
use crate::names::Marker;
use crate::point::markers;

/// Removes of each group of complete backups all markers but the newest from the image, if that is there. Returns how many
/// they were. One that is protected or has clones stays.
///
/// # Errors
/// Ceph failed, or the operation was interrupted; calling again goes on.
pub async fn trim(pool: &Pool, image: &str, groups: &[Vec<Uuid>], control: &Control) -> Result<usize> {
    let seen = match pool.open_read_only(image, None).await {
        Ok(seen) => seen,
        Err(error) if error.is_not_found() => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let snapshots = seen.snapshots().await?;
    let marked = |name: &str| Marker::parse(name).is_some();
    mutation::finish_removals(Point::TrimMarker, pool, image, &seen, marked).await?;
    let names: Vec<&str> = groups.iter().flat_map(|group| superseded(&snapshots, group)).collect();
    if names.is_empty() {
        return Ok(0);
    }
    let image = pool.open(image).await?;
    let mut removed = 0;
    for name in names {
        control.step(Step::RemoveMarker).await?;
        match mutation::remove_snapshot(Point::TrimMarker, &image, name).await {
            Ok(()) => removed += 1,
            Err(error) if error.is_not_found() => {}
            Err(error) if error.errno == Errno::BUSY => {
                tracing::warn!(%error, "a marker that nobody needs stays on the volume");
            }
            Err(error) => return Err(error.into()),
        }
    }
    image.close().await;
    Ok(removed)
}

/// The names of a group's markers but the newest.
fn superseded<'s>(snapshots: &'s [Snapshot], group: &[Uuid]) -> Vec<&'s str> {
    let mut own: Vec<&Snapshot> = markers(snapshots)
        .filter(|(marker, _)| group.contains(&marker.backup()))
        .map(|(_, snapshot)| snapshot)
        .collect();
    own.sort_by_key(|snapshot| snapshot.id);
    own.pop();
    own.into_iter().map(|snapshot| snapshot.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_group_all_markers_go_but_the_newest() {
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let marker = |id: u64, backup: Uuid| Snapshot { id, name: format!("backup.{backup}.snap.{id}.5"), size: 1 };
        let mut snapshots = vec![marker(9, a), marker(4, b), marker(12, c)];
        snapshots.push(Snapshot { id: 20, name: "by-hand".to_owned(), size: 1 });
        assert_eq!(superseded(&snapshots, &[a, b]), [snapshots[1].name.as_str()]);
        assert_eq!(superseded(&snapshots, &[a, b, c]), [snapshots[1].name.as_str(), snapshots[0].name.as_str()]);
        for nothing in [vec![], vec![c], vec![Uuid::from_u128(9)]] {
            assert_eq!(superseded(&snapshots, &nothing), Vec::<&str>::new());
        }
    }
}
