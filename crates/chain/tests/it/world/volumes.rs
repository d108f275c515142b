//! What users do to volumes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chain::names::{volume_image, volume_snapshot};
use rbd::{Features, Image};
use uuid::Uuid;

use super::{MIB, Shape, Snapshot, Volume, World, range, read_all};
use crate::cluster;

/// The size of a base's objects, bytes (format spec 1.6).
const BASE_OBJECT: u64 = 4 * MIB;

impl World {
    /// Makes an empty volume.
    pub(crate) async fn add_volume(&mut self, shape: Shape) -> usize {
        let id = Uuid::new_v4();
        let image = volume_image(id);
        create_image(&self.ceph.pools.volumes, &image, shape).await;
        self.keep_volume(id, vec![0; usize::try_from(shape.size).unwrap()], false, shape)
    }

    pub(super) fn keep_volume(&mut self, id: Uuid, bytes: Vec<u8>, is_clone: bool, shape: Shape) -> usize {
        let label = self.label(0, 'V');
        self.volumes.push(Volume {
            id,
            label,
            image: volume_image(id),
            bytes,
            snapshots: Vec::new(),
            markers: BTreeMap::new(),
            is_clone,
            guest: None,
            fine_grained: shape.stripes.is_none() && 1 << shape.order <= BASE_OBJECT,
        });
        self.volumes.len() - 1
    }

    /// The guest's image, or one opened for the moment.
    pub(crate) async fn open(&self, volume: usize) -> Image {
        match &self.volumes[volume].guest {
            Some(image) => image.clone(),
            None => self.ceph.pools.volumes.open(&self.volumes[volume].image).await.unwrap(),
        }
    }

    /// Ends what [`Self::open`] began.
    pub(super) async fn leave(&self, volume: usize, image: Image) {
        if self.volumes[volume].guest.is_none() {
            image.close().await;
        }
    }

    /// Gives the volume to a guest, which keeps its image open.
    pub(crate) async fn attach(&mut self, volume: usize) {
        let image = self.ceph.guest.open(&self.volumes[volume].image).await.unwrap();
        self.volumes[volume].guest = Some(image);
    }

    pub(crate) async fn detach(&mut self, volume: usize) {
        if let Some(image) = self.volumes[volume].guest.take() {
            image.close().await;
        }
    }

    pub(crate) async fn write(&mut self, volume: usize, offset: u64, data: Vec<u8>) {
        let image = self.open(volume).await;
        self.volumes[volume].bytes[range(offset, data.len() as u64)].copy_from_slice(&data);
        image.write(offset, Bytes::from(data)).await.unwrap();
        self.leave(volume, image).await;
    }

    pub(crate) async fn write_zeroes(&mut self, volume: usize, offset: u64, len: u64) {
        let image = self.open(volume).await;
        self.volumes[volume].bytes[range(offset, len)].fill(0);
        image.write_zeroes(offset, len).await.unwrap();
        self.leave(volume, image).await;
    }

    /// Discards. What that did is read back: librbd may leave unaligned edges as they were.
    pub(crate) async fn discard(&mut self, volume: usize, offset: u64, len: u64) {
        let image = self.open(volume).await;
        image.discard(offset, len).await.unwrap();
        let now = image.read(offset, usize::try_from(len).unwrap()).await.unwrap();
        let before = &mut self.volumes[volume].bytes[range(offset, len)];
        for (now, before) in now.iter().zip(before.iter()) {
            assert!(now == before || *now == 0, "a discard made bytes up");
        }
        before.copy_from_slice(&now);
        self.leave(volume, image).await;
    }

    pub(crate) async fn resize(&mut self, volume: usize, size: u64) {
        let image = self.open(volume).await;
        image.resize(size, true).await.unwrap();
        self.volumes[volume].bytes.resize(usize::try_from(size).unwrap(), 0);
        self.leave(volume, image).await;
    }

    /// Takes a snapshot as a user does; returns its place.
    pub(crate) async fn snapshot(&mut self, volume: usize) -> usize {
        let image = self.open(volume).await;
        let id = Uuid::new_v4();
        image.create_snapshot(&volume_snapshot(id)).await.unwrap();
        self.leave(volume, image).await;
        let (taken, label) = (self.tick(), self.label(1, 'S'));
        let volume = &mut self.volumes[volume];
        let bytes = Arc::new(volume.bytes.clone());
        volume.snapshots.push(Snapshot { id, label, bytes, taken, cloned: false });
        volume.snapshots.len() - 1
    }

    /// Deletes a snapshot without clones.
    pub(crate) async fn delete_snapshot(&mut self, volume: usize, snapshot: usize) {
        let image = self.open(volume).await;
        let name = volume_snapshot(self.volumes[volume].snapshots.remove(snapshot).id);
        if image.is_protected(&name).await.unwrap() {
            image.unprotect_snapshot(&name).await.unwrap();
        }
        image.remove_snapshot(&name).await.unwrap();
        self.leave(volume, image).await;
    }

    /// Makes a volume that is a clone of a snapshot.
    pub(crate) async fn clone_of(&mut self, volume: usize, snapshot: usize, features: Features) -> usize {
        let name = volume_snapshot(self.volumes[volume].snapshots[snapshot].id);
        let image = self.open(volume).await;
        if !image.is_protected(&name).await.unwrap() {
            image.protect_snapshot(&name).await.unwrap();
        }
        let order = u8::try_from(image.layout().await.unwrap().object_size.ilog2()).unwrap();
        self.leave(volume, image).await;
        let id = Uuid::new_v4();
        let parent = &self.volumes[volume].image;
        self.ceph.pools.volumes.clone_image(parent, &name, &volume_image(id), Some(features)).await.unwrap();
        let taken = &mut self.volumes[volume].snapshots[snapshot];
        taken.cloned = true;
        let bytes = taken.bytes.to_vec();
        self.keep_volume(id, bytes, true, Shape { size: 0, order, features, stripes: None })
    }

    /// Makes a clone independent.
    pub(crate) async fn flatten(&mut self, volume: usize) {
        let image = self.open(volume).await;
        image.flatten().await.unwrap();
        self.leave(volume, image).await;
        // the snapshot stays marked as cloned: without deep-flatten the clone's own snapshots still need it
        self.volumes[volume].is_clone = false;
    }

    /// Makes the volume what it was at one of its snapshots, and reads what that gave: for a clone that was
    /// made smaller since librbd does not bring back all.
    pub(crate) async fn roll_back(&mut self, volume: usize, snapshot: usize) {
        let image = self.open(volume).await;
        image.roll_back(&volume_snapshot(self.volumes[volume].snapshots[snapshot].id)).await.unwrap();
        self.volumes[volume].bytes = read_all(&image).await;
        self.leave(volume, image).await;
    }
}

async fn create_image(pool: &rbd::Pool, name: &str, shape: Shape) {
    let Some((unit, count)) = shape.stripes else {
        return pool.create_image(name, shape.size, Some(shape.features), Some(shape.order)).await.unwrap();
    };
    // striping is not among what the rbd crate makes: Cindervault only meets it
    let (size, object) = (format!("{}B", shape.size), format!("{}B", 1_u64 << shape.order));
    let (unit, count) = (format!("{unit}B"), count.to_string());
    let path = format!("{}/{name}", pool.name());
    cluster::rbd(&[
        "create",
        &path,
        "--size",
        &size,
        "--object-size",
        &object,
        "--stripe-unit",
        &unit,
        "--stripe-count",
        &count,
    ])
    .await;
}
