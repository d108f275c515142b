//! All points, by name.

/// Declares the points: those that stand for themselves, and those around something.
macro_rules! points {
    (
        at { $( $(#[$at_doc:meta])* $at:ident = $at_name:literal; )* }
        around { $( $(#[$doc:meta])* $around:ident = $name:literal; )* }
    ) => {
        /// A place at which a job can be made to fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Point {
            $( $(#[$at_doc])* $at, )*
            $( $(#[$doc])* $around, )*
        }

        #[cfg(feature = "armed")]
        impl Point {
            /// Its name; that of one around something is followed by `.before` or `.after`.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $( Self::$at => $at_name, )*
                    $( Self::$around => $name, )*
                }
            }
        }

        /// The names of all points.
        #[cfg(feature = "armed")]
        pub fn names() -> Vec<String> {
            let mut names: Vec<String> = vec![$( $at_name.to_owned() ),*];
            for name in [$( $name ),*] {
                names.extend([format!("{name}.before"), format!("{name}.after")]);
            }
            names
        }
    };
}

points! {
    at {
        /// The plan of a backup or a restore is about to be made.
        PlanStep = "step.plan";
        /// The base of a full backup is about to be made.
        BaseImageStep = "step.base-image";
        /// The marker is about to be made.
        SourceSnapshotStep = "step.source-snapshot";
        /// The copy is about to begin.
        CopyStep = "step.copy";
        /// The restore point is about to be made.
        CommitStep = "step.commit";
        /// The metadata object is about to be written or removed.
        MetadataStep = "step.metadata";
        /// A volume is about to be written.
        RestoreStep = "step.restore";
        /// The restore point is about to be removed.
        RemovePointStep = "step.remove-point";
        /// The base is about to be removed.
        RemoveBaseStep = "step.remove-base";
        /// The marker is about to be removed.
        RemoveMarkerStep = "step.remove-marker";
    }
    around {
        // backups on Ceph
        /// A base is made.
        CreateBase = "base.create";
        /// A base gets the size of its source.
        ResizeBase = "base.resize";
        /// A base that an earlier attempt left half-filled is removed.
        RemoveUnfinishedBase = "base.remove-unfinished";
        /// What is left of a base whose removal was cut short is removed.
        RemoveBaseName = "base.remove-name";
        /// A base is removed with its last restore point.
        RemoveBase = "base.remove";
        /// An image that stays in use is moved to the trash.
        TrashImage = "image.trash";
        /// The marker is made on the volume.
        CreateMarker = "marker.create";
        /// A marker that was not made whole is removed.
        RemoveHalfMarker = "marker.remove-half";
        /// A marker that no increment needs is removed from the volume.
        TrimMarker = "marker.trim";
        /// The marker is removed from the volume.
        RemoveMarker = "marker.remove";
        /// The restore point is made.
        CreatePoint = "point.create";
        /// A restore point that should not be there yet is removed, to be made again.
        RemoveEarlyPoint = "point.remove-early";
        /// A restore point that was not made whole is removed.
        RemoveHalfPoint = "point.remove-half";
        /// The restore point can be removed again.
        UnprotectPoint = "point.unprotect";
        /// The restore point is removed.
        RemovePoint = "point.remove";
        /// A piece of the data is written.
        CopyPiece = "copy.piece";
        /// What was written is made durable.
        CopyFlush = "copy.flush";
        /// A part of the checksums is written.
        WriteSums = "sums.write";
        /// Checksums that nobody needs any more are removed.
        RemoveSums = "sums.remove";
        /// The metadata object is written.
        WriteMetadata = "metadata.write";
        /// The metadata object is removed.
        RemoveMetadata = "metadata.remove";

        // volumes on Ceph
        /// The image of a volume is made.
        CreateVolume = "volume.create";
        /// The image of a volume is made as a clone.
        CloneVolume = "volume.clone";
        /// A clone gets all data of its own.
        FlattenVolume = "volume.flatten";
        /// An image is made larger.
        GrowVolume = "volume.grow";
        /// A clone that is not finished is removed.
        RemoveUnfinishedVolume = "volume.remove-unfinished";
        /// The image of a volume is removed.
        RemoveVolume = "volume.remove";
        /// A snapshot is made for a user.
        CreateSnapshot = "snapshot.create";
        /// A snapshot can be removed again.
        UnprotectSnapshot = "snapshot.unprotect";
        /// A snapshot is removed.
        RemoveSnapshot = "snapshot.remove";
        /// The snapshot that a clone is made from is made.
        CreateCloneSnapshot = "clone-snapshot.create";
        /// The snapshot that a clone is made from is protected.
        ProtectCloneSnapshot = "clone-snapshot.protect";
        /// The snapshot that a clone was made from can be removed again.
        UnprotectCloneSnapshot = "clone-snapshot.unprotect";
        /// The snapshot that a clone was made from is removed.
        RemoveCloneSnapshot = "clone-snapshot.remove";
        /// A worker that lost a job is fenced.
        FenceWorker = "worker.fence";

        // transactions
        /// A worker registers its connections.
        RegisterWorker = "worker.register";
        /// A job is claimed.
        ClaimJob = "job.claim";
        /// A job that nobody has asked for is made, and claimed with that.
        TakeJob = "job.take";
        /// Those who lost a job are recorded as fenced.
        RecordFenced = "job.fenced";
        /// A job's lease is renewed.
        RenewJob = "job.renew";
        /// A job's step is recorded.
        RecordStep = "job.step";
        /// What of a job's copy is finished is recorded.
        RecordFinished = "job.finished";
        /// A job's progress is recorded.
        RecordProgress = "job.progress";
        /// A job goes back to the queue.
        ReleaseJob = "job.release";
        /// A job that found nothing to do ends.
        EndJob = "job.end";
        /// It is read what is to be backed up, and recorded by whom.
        BeginBackup = "backup.begin";
        /// A backup is recorded as made.
        FinishBackup = "backup.finish";
        /// A backup is recorded as failed.
        FailBackup = "backup.fail";
        /// It is read what is to be restored.
        BeginRestore = "restore.begin";
        /// A restore is recorded as done.
        FinishRestore = "restore.finish";
        /// A restore is recorded as done for a backup that is no longer being restored.
        FinishUnwantedRestore = "restore.finish-unwanted";
        /// A restore is recorded as failed.
        FailRestore = "restore.fail";
        /// What a verification has shown is recorded.
        FinishVerify = "verify.finish";
        /// It is read what is to be deleted.
        BeginDelete = "delete.begin";
        /// A backup is recorded as deleted.
        FinishDelete = "delete.finish";
        /// A backup is recorded as not deleted.
        FailDelete = "delete.fail";
        /// An import is recorded as done.
        FinishImport = "import.finish";
        /// An import is recorded as failed.
        FailImport = "import.fail";
        /// A volume is recorded as made.
        FinishVolumeCreate = "volume.finish-create";
        /// A volume is recorded as deleted.
        FinishVolumeDelete = "volume.finish-delete";
        /// A volume is recorded as grown.
        FinishVolumeExtend = "volume.finish-extend";
        /// A volume is recorded as failed.
        FailVolume = "volume.fail";
        /// What became of a snapshot is recorded.
        EndSnapshot = "snapshot.end";
        /// Backups that were not read for long are put into the queue.
        EnqueueScrubs = "scrub.enqueue";
        /// A status that nobody will ever change is ended.
        EndStaleStatus = "reconcile.status";
        /// A job about something without a record is taken out of the queue.
        DropJob = "reconcile.job";
        /// What is kept for a job that does not run is removed.
        DropLocks = "reconcile.locks";
        /// A backup is recorded as lost.
        RecordLost = "reconcile.lost";
    }
}

#[cfg(all(test, feature = "armed"))]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names = names();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }
}
