//! What must be true of a world, and its end.

use std::collections::BTreeSet;

use chain::Control;
use chain::names::{Marker, metadata_object, volume_snapshot};
use chain::verify::{self, Verified};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rbd::{DiffMode, Image};

use super::{Tally, World};

/// How much is read and compared at once, bytes.
const COMPARED_AT_ONCE: usize = 4 << 20;

impl World {
    pub(super) async fn snapshot_names(&self, volume: usize) -> Vec<String> {
        let image = self.ceph.pools.volumes.open_read_only(&self.volumes[volume].image, None).await.unwrap();
        image.snapshots().await.unwrap().into_iter().map(|snapshot| snapshot.name).collect()
    }

    /// The names of the snapshots of a base; `None` when there is no such image.
    pub(crate) async fn snapshots_on_base(&self, base: &str) -> Option<Vec<String>> {
        let image = match self.ceph.pools.backups.open_read_only(base, None).await {
            Ok(image) => image,
            Err(error) if error.is_not_found() => return None,
            Err(error) => panic!("{error}"),
        };
        Some(image.snapshots().await.unwrap().into_iter().map(|snapshot| snapshot.name).collect())
    }

    /// The volume has its bytes and its snapshots, and no others.
    pub(crate) async fn check_volume(&mut self, volume: usize) {
        self.tally.bytes_checked += self.volumes[volume].bytes.len() as u64;
        let model = &self.volumes[volume];
        let image = self.ceph.pools.volumes.open_read_only(&model.image, None).await.unwrap();
        assert_content(&image, &model.bytes, &model.label).await;
        let mut expected: BTreeSet<String> =
            model.snapshots.iter().map(|snapshot| volume_snapshot(snapshot.id)).collect();
        for snapshot in image.snapshots().await.unwrap() {
            match Marker::parse(&snapshot.name) {
                Some(marker) => assert!(
                    model.markers.contains_key(&marker.backup()),
                    "{} has a stray marker: {}",
                    model.label,
                    snapshot.name
                ),
                None => assert!(expected.remove(&snapshot.name), "{} has {}", model.label, snapshot.name),
            }
        }
        assert!(expected.is_empty(), "{} has lost {expected:?}", model.label);
    }

    /// Every available backup has the checksums of what it holds.
    pub(crate) async fn verify_backups(&self) {
        for backup in 0..self.backups.len() {
            let verified = Box::pin(self.verify(backup)).await;
            let label = &self.backups[backup].label;
            let verified = verified.unwrap_or_else(|error| panic!("{label}: {error}"));
            assert!(verified.checksums, "{label} has no checksums");
            assert_eq!(verified.size, self.backups[backup].bytes.len() as u64);
            assert_eq!(verified.source, self.has_start(backup), "{label} and what it was made of");
        }
    }

    /// Reads a backup back as the service does.
    pub(crate) async fn verify(&self, backup: usize) -> chain::Result<Verified> {
        let backup = &self.backups[backup];
        let image = self.volumes[backup.volume].image.clone();
        let request = verify::Request { reference: backup.reference.clone(), image, bytes_per_second: None };
        verify::verify(&self.ceph.pools, &request, &Control::unattended(self.ceph.budget.clone())).await
    }

    /// Every available backup can be read from its base, whole and right, and the bases hold nothing else.
    pub(crate) async fn check_backups(&mut self) {
        self.tally.bytes_checked += self.backups.iter().map(|backup| backup.bytes.len() as u64).sum::<u64>();
        for backup in &self.backups {
            let (base, marker) = (&backup.created.base, &backup.created.marker);
            let image = self.ceph.pools.backups.open_read_only(base, Some(marker)).await.unwrap();
            assert_content(&image, &backup.bytes, &backup.label).await;
        }
        let bases: BTreeSet<&String> = self.backups.iter().map(|backup| &backup.created.base).collect();
        for base in bases {
            let mut expected: BTreeSet<&str> = self
                .backups
                .iter()
                .filter(|backup| backup.created.base == *base)
                .map(|backup| backup.created.marker.as_str())
                .collect();
            for name in self.snapshots_on_base(base).await.unwrap() {
                let failed = || {
                    let id = Marker::parse(&name).unwrap().backup();
                    self.failed.iter().any(|failed| failed.request.backup == id)
                };
                assert!(expected.remove(name.as_str()) || failed(), "{base} has a stray snapshot: {name}");
            }
            assert!(expected.is_empty(), "{base} has lost {expected:?}");
        }
    }

    /// Everything is as it must be.
    pub(crate) async fn check(&mut self) {
        self.check_backups().await;
        for volume in 0..self.volumes.len() {
            self.check_volume(volume).await;
        }
    }

    /// Removes everything, backups in the order given by `rng`, and looks that nothing is left.
    pub(crate) async fn end(mut self, rng: &mut StdRng) -> Tally {
        for failed in self.failed.clone() {
            self.abandon(&failed).await;
        }
        self.check().await;
        self.verify_backups().await;
        while !self.backups.is_empty() {
            let last = self.backups.len() == 1;
            let backup = rng.random_range(0..self.backups.len());
            let deleted = Box::pin(self.delete(backup)).await.unwrap();
            assert!(deleted.point && !deleted.trashed && (deleted.base || !last), "{deleted:?}");
            if rng.random_ratio(1, 3) {
                self.verify_backups().await; // nothing went that one of the others needs
            }
        }
        self.nothing_is_left_of_the_backups().await;
        self.remove_volumes().await;
        self.tally
    }

    /// [`Self::end`], for those who do not care about the order.
    pub(crate) async fn finish(self) {
        Box::pin(self.end(&mut StdRng::seed_from_u64(0))).await;
    }

    /// Removes the volumes, for those who made backups behind the world's back.
    pub(crate) async fn finish_without_looking(mut self) {
        self.remove_volumes().await;
    }

    pub(super) async fn nothing_is_left_of_the_backups(&self) {
        let pool = &self.ceph.pools.backups;
        let ours = |name: &str| {
            self.volumes.iter().any(|volume| name.contains(&volume.id.to_string()))
                || self.ever.iter().any(|id| name.contains(&id.to_string()))
        };
        let images: Vec<String> = pool.images().await.unwrap().into_iter().filter(|name| ours(name)).collect();
        assert!(images.is_empty(), "left in the backup pool: {images:?}");
        for id in &self.ever {
            assert!(!pool.object_exists(&metadata_object(*id)).await.unwrap(), "left: the metadata of {id}");
        }
        for volume in 0..self.volumes.len() {
            let names = self.snapshot_names(volume).await;
            assert!(names.iter().all(|name| Marker::parse(name).is_none()), "left on a volume: {names:?}");
        }
    }

    pub(super) async fn remove_volumes(&mut self) {
        // a clone comes later than what it was cloned from, and its snapshots may still need it
        while !self.volumes.is_empty() {
            self.remove_last_volume().await;
        }
    }

    /// Removes the volume that was made last. It must have no backups.
    pub(crate) async fn remove_last_volume(&mut self) {
        self.detach(self.volumes.len() - 1).await;
        let name = self.volumes.pop().unwrap().image;
        let image = self.ceph.pools.volumes.open(&name).await.unwrap();
        for snapshot in image.snapshots().await.unwrap() {
            if image.is_protected(&snapshot.name).await.unwrap() {
                image.unprotect_snapshot(&snapshot.name).await.unwrap();
            }
            image.remove_snapshot(&snapshot.name).await.unwrap();
        }
        image.close().await;
        self.ceph.pools.volumes.remove_image(&name).await.unwrap();
    }
}

/// How many bytes an image holds at the point it was opened at: what is not a hole from the beginning of time.
pub(crate) async fn allocated(image: &Image) -> u64 {
    let size = image.size().await.unwrap();
    let extents = image.diff(None, 0..size, true, DiffMode::Precise).await.unwrap();
    extents.iter().map(|extent| extent.len).sum()
}

pub(crate) async fn read_all(image: &Image) -> Vec<u8> {
    let size = image.size().await.unwrap();
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap());
    while (bytes.len() as u64) < size {
        let piece = image.read(bytes.len() as u64, COMPARED_AT_ONCE).await.unwrap();
        assert!(!piece.is_empty());
        bytes.extend_from_slice(&piece);
    }
    bytes
}

/// The image has exactly these bytes.
pub(crate) async fn assert_content(image: &Image, expected: &[u8], what: &str) {
    let actual = read_all(image).await;
    assert_eq!(actual.len(), expected.len(), "{what}: the size of {}", image.path());
    if actual == expected {
        return;
    }
    let wrong: Vec<usize> = (0..actual.len()).filter(|&at| actual[at] != expected[at]).collect();
    let (first, last) = (wrong[0], wrong[wrong.len() - 1]);
    let zero_read = wrong.iter().filter(|&&at| actual[at] == 0).count();
    let zero_wanted = wrong.iter().filter(|&&at| expected[at] == 0).count();
    panic!(
        "{what}: {} differs in {} bytes between {first} and {last}: {zero_read} of them read as zero, {zero_wanted} \
         should",
        image.path(),
        wrong.len()
    );
}
