//! Backups and restores: what is asked of `chain`, and what must come of it.

use std::sync::Arc;

use chain::metadata::VolumeMetadata;
use chain::names::Marker;
use chain::restore::{Plan, Restored};
use chain::{BaseRef, Result, create, delete, restore};
use uuid::Uuid;

use super::{Asked, Backup, Shape, World, allocated};
use crate::interrupt::{Interruption, interrupted, undisturbed};

impl World {
    /// The available backups of a volume as the worker hands them over: newest data first. Those of a snapshot
    /// have only older ones (format spec 6.3).
    pub(crate) fn parents(&self, volume: usize, snapshot: Option<usize>) -> Vec<BaseRef> {
        let before = snapshot.map_or(u64::MAX, |snapshot| self.volumes[volume].snapshots[snapshot].taken);
        let mut candidates: Vec<&Backup> =
            self.backups.iter().filter(|backup| backup.volume == volume && backup.data_time < before).collect();
        candidates.sort_by_key(|backup| std::cmp::Reverse(backup.data_time));
        candidates.into_iter().map(|backup| backup.reference.clone()).collect()
    }

    /// Asks for a backup of a volume or of one of its snapshots.
    pub(crate) fn ask(&mut self, volume: usize, snapshot: Option<usize>, parents: Vec<BaseRef>) -> Asked {
        let (at, label) = (self.tick(), self.label(2, 'B'));
        let owner = &self.volumes[volume];
        let bytes = match snapshot {
            Some(snapshot) => owner.snapshots[snapshot].bytes.clone(),
            None => Arc::new(owner.bytes.clone()),
        };
        let mut metadata = VolumeMetadata::default();
        metadata.base.insert("display_name".to_owned(), owner.label.clone().into());
        metadata.user.insert("backup".to_owned(), label.clone().into());
        let request = create::Request {
            backup: Uuid::new_v4(),
            volume: owner.id,
            image: owner.image.clone(),
            snapshot: snapshot.map(|snapshot| owner.snapshots[snapshot].id),
            parents,
            places: Vec::new(),
            checksums: true,
            metadata,
        };
        self.ever.insert(request.backup);
        Asked { label, volume, request, at, bytes }
    }

    /// Tries to make a backup and stops on the way, unless it is through before. Then the backup is kept.
    pub(crate) async fn interrupt_create(&mut self, asked: &Asked, interruption: Interruption) -> Option<usize> {
        let (ceph, request) = (self.ceph.clone(), &asked.request);
        let end = interrupted(&ceph.budget, interruption, async |control| {
            create::create(&ceph.pools, request, control).await
        })
        .await;
        if let Some(created) = end.unnoticed() {
            return Some(self.keep_backup(asked, created).await);
        }
        self.tally.interrupted += 1;
        self.note_marker(asked).await;
        None
    }

    /// Makes a backup, to the end.
    pub(crate) async fn create(&mut self, asked: &Asked) -> Result<usize> {
        let (ceph, request) = (self.ceph.clone(), &asked.request);
        // a marker that an earlier attempt made stands for the bytes of that time
        let expected = self.expected_parent(asked);
        let created =
            undisturbed(&ceph.budget, async |control| create::create(&ceph.pools, request, control).await).await?;
        let kept = self.keep_backup(asked, created).await;
        let backup = &self.backups[kept];
        assert_eq!(backup.created.parent, expected, "another parent than expected");
        Ok(kept)
    }

    /// A full backup of the volume.
    pub(crate) async fn full(&mut self, volume: usize) -> usize {
        let asked = self.ask(volume, None, Vec::new());
        self.create(&asked).await.unwrap()
    }

    /// An incremental backup of the volume.
    pub(crate) async fn increment(&mut self, volume: usize) -> usize {
        let parents = self.parents(volume, None);
        let asked = self.ask(volume, None, parents);
        self.create(&asked).await.unwrap()
    }

    /// An incremental backup of one of the volume's snapshots.
    pub(crate) async fn increment_of(&mut self, volume: usize, snapshot: usize) -> usize {
        let parents = self.parents(volume, Some(snapshot));
        let asked = self.ask(volume, Some(snapshot), parents);
        self.create(&asked).await.unwrap()
    }

    /// The first parent whose starting point the volume still has, and has before the end.
    pub(super) fn expected_parent(&self, asked: &Asked) -> Option<Uuid> {
        let volume = &self.volumes[asked.volume];
        let taken = |id: Uuid| volume.snapshots.iter().find(|snapshot| snapshot.id == id).map(|found| found.taken);
        let end = match asked.request.snapshot {
            Some(snapshot) => taken(snapshot).unwrap(),
            None => volume.markers.get(&asked.request.backup).map_or(u64::MAX, |(at, _)| *at),
        };
        let usable = asked.request.parents.iter().find(|parent| {
            let from = volume.markers.get(&parent.backup).map(|(at, _)| *at).or_else(|| taken(parent.snapshot?));
            from.is_some_and(|from| from < end)
        });
        usable.map(|parent| parent.backup)
    }

    /// Looks whether an attempt has left its marker; whoever finishes the backup will use it.
    /// Remembers what the volume holds, if an attempt has made its marker just now.
    pub(crate) async fn note_marker(&mut self, asked: &Asked) {
        let image = self.ceph.pools.volumes.open_read_only(&asked.request.image, None).await.unwrap();
        let snapshots = image.snapshots().await.unwrap();
        let carries =
            snapshots.iter().any(|s| Marker::parse(&s.name).is_some_and(|m| m.backup() == asked.request.backup));
        let now = self.tick();
        let volume = &mut self.volumes[asked.volume];
        if carries {
            let bytes = Arc::new(volume.bytes.clone());
            volume.markers.entry(asked.request.backup).or_insert((now, bytes));
        }
    }

    pub(crate) async fn keep_backup(&mut self, asked: &Asked, created: create::Created) -> usize {
        let mut data_time = asked.at;
        let mut bytes = asked.bytes.clone();
        if let Some(snapshot) = asked.request.snapshot {
            let snapshots = &self.volumes[asked.volume].snapshots;
            data_time = snapshots.iter().find(|candidate| candidate.id == snapshot).unwrap().taken;
        } else {
            self.note_marker(asked).await;
            bytes = self.volumes[asked.volume].markers[&asked.request.backup].1.clone();
        }
        assert_eq!(created.size, bytes.len() as u64, "the size of the backup");
        *(if created.parent.is_some() { &mut self.tally.incremental } else { &mut self.tally.full }) += 1;
        let reference = BaseRef {
            backup: asked.request.backup,
            volume: asked.request.volume,
            base: Some(created.base.clone()),
            snapshot: asked.request.snapshot,
            checksums: created.checksums,
        };
        let (label, volume) = (asked.label.clone(), asked.volume);
        self.backups.push(Backup { label, volume, reference, bytes, created, data_time });
        self.backups.len() - 1
    }

    /// Removes all that a failed backup has left.
    pub(crate) async fn abandon(&mut self, asked: &Asked) {
        let ceph = self.ceph.clone();
        undisturbed(&ceph.budget, async |control| create::abandon(&ceph.pools, &asked.request, control).await)
            .await
            .unwrap();
        self.tally.abandoned += 1;
        self.volumes[asked.volume].markers.remove(&asked.request.backup);
        self.failed.retain(|failed| failed.request.backup != asked.request.backup);
    }

    /// What a request to delete a backup looks like.
    pub(crate) fn deletion(&self, backup: usize) -> delete::Request {
        let backup = &self.backups[backup];
        let image = self.volumes[backup.volume].image.clone();
        delete::Request { reference: backup.reference.clone(), image, sole_legacy: false, failed: false }
    }

    /// Begins to delete a backup and stops on the way, unless it is through before. Returns whether it is.
    pub(crate) async fn interrupt_delete(&mut self, backup: usize, interruption: Interruption) -> bool {
        let (ceph, request) = (self.ceph.clone(), self.deletion(backup));
        let end = interrupted(&ceph.budget, interruption, async |control| {
            delete::delete(&ceph.pools, std::slice::from_ref(&request), control).await
        })
        .await;
        end.unnoticed().is_some()
    }

    /// Deletes a backup.
    pub(crate) async fn delete(&mut self, backup: usize) -> Result<delete::Deleted> {
        let (ceph, request) = (self.ceph.clone(), self.deletion(backup));
        let deleted = undisturbed(&ceph.budget, async |control| {
            delete::delete(&ceph.pools, std::slice::from_ref(&request), control).await
        })
        .await?;
        self.tally.deleted += 1;
        let gone = self.backups.remove(backup);
        self.volumes[gone.volume].markers.remove(&gone.id());
        let base = &gone.created.base;
        let needed = self.snapshots_on_base(base).await.is_some();
        let shared = self.backups.iter().any(|other| other.created.base == *base);
        assert!(!shared || needed, "{base} went although others are in it");
        if !shared && self.failed.is_empty() {
            assert!(!needed, "{base} stayed although nobody is in it");
        }
        Ok(deleted)
    }

    /// Takes the marker of a backup from the volume, as Cinder does with `backup_ceph_max_snapshots`.
    pub(crate) async fn trim_marker(&mut self, backup: usize) {
        let (volume, id, name) = {
            let backup = &self.backups[backup];
            (backup.volume, backup.id(), backup.created.marker.clone())
        };
        let image = self.open(volume).await;
        image.remove_snapshot(&name).await.unwrap();
        self.leave(volume, image).await;
        self.volumes[volume].markers.remove(&id);
    }

    pub(crate) fn has_marker(&self, backup: usize) -> bool {
        let backup = &self.backups[backup];
        self.volumes[backup.volume].markers.contains_key(&backup.id())
    }

    /// Whether the volume still has the point that the backup was made at.
    pub(crate) fn has_start(&self, backup: usize) -> bool {
        let reference = &self.backups[backup].reference;
        let snapshots = &self.volumes[self.backups[backup].volume].snapshots;
        self.has_marker(backup) || snapshots.iter().any(|snapshot| Some(snapshot.id) == reference.snapshot)
    }

    /// Restores onto a new image, which becomes a volume. It must be as thin as the backup.
    pub(crate) async fn restore_to_new(&mut self, backup: usize, shape: Shape) -> usize {
        let target = self.add_volume(shape).await;
        let restored = self.restore_onto(backup, target, None).await;
        assert_eq!(restored.plan, Plan::Fill);
        if self.volumes[target].fine_grained {
            let from = &self.backups[backup].created;
            let pools = &self.ceph.pools;
            let kept = allocated(&pools.backups.open_read_only(&from.base, Some(&from.marker)).await.unwrap()).await;
            let taken =
                allocated(&pools.volumes.open_read_only(&self.volumes[target].image, None).await.unwrap()).await;
            let kept = kept.next_multiple_of(4096); // what a restore writes is whole blocks
            assert!(taken <= kept, "the restored volume takes {taken} bytes, its backup {kept}");
        }
        target
    }

    /// Restores onto a volume, perhaps only at the second attempt.
    pub(crate) async fn restore_onto(
        &mut self,
        backup: usize,
        target: usize,
        interruption: Option<Interruption>,
    ) -> Restored {
        self.detach(target).await;
        let ceph = self.ceph.clone();
        let (reference, bytes) = (self.backups[backup].reference.clone(), self.backups[backup].bytes.clone());
        let request = restore::Request { reference, image: self.volumes[target].image.clone() };
        let before = self.snapshot_names(target).await;
        let mut done = None;
        if let Some(interruption) = interruption {
            let end = interrupted(&ceph.budget, interruption, async |control| {
                restore::restore(&ceph.pools, &request, control).await
            });
            done = end.await.unnoticed();
        }
        let restored = match done {
            Some(restored) => restored,
            None => undisturbed(&ceph.budget, async |control| restore::restore(&ceph.pools, &request, control).await)
                .await
                .unwrap(),
        };
        match restored.plan {
            Plan::Fill => self.tally.filled += 1,
            Plan::Repair => self.tally.repaired += 1,
            Plan::Compare => self.tally.compared += 1,
        }
        assert_eq!(restored.size, bytes.len() as u64);
        assert_eq!(self.snapshot_names(target).await, before, "a restore leaves no snapshot and removes none");
        let size = self.volumes[target].bytes.len().max(bytes.len());
        let mut expected = bytes.to_vec();
        expected.resize(size, 0);
        self.volumes[target].bytes = expected;
        self.check_volume(target).await;
        restored
    }
}
