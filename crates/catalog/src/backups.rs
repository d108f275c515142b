//! Backups: the records, and every change that the API makes to them.
//!
//! Each operation of the API is one function and one transaction (API spec 5): it looks at the records it
//! needs under lock, applies the rules in the spec's order, writes the new states, and puts the job into the
//! queue. A rule that does not hold comes back as a rejection and nothing is changed.
//!
//! Rows are locked in the same order everywhere, so that two transactions do not wait for each other: backups,
//! then volumes, then snapshots, then a project's quota.
//!
//! What the worker does to a backup afterwards is in `work`.

mod cancel;
mod create;
mod delete;
mod import;
mod read;
mod record;
mod reset;
mod restore;
mod unclaimed;
mod update;
mod verify;

pub use cancel::{CancelRejected, ForceDeleteRejected};
pub use create::{CreateRejected, NewBackup};
pub use delete::DeleteRejected;
pub use import::{ImportRejected, NewImport};
pub use read::{BackupName, BackupView, TABLE};
pub use record::{AnotherDriver, Backup, NO_VOLUME, Status};
pub use reset::ResetRejected;
pub use restore::{Restore, RestoreRejected, Restoring, Target};
pub use update::BackupChange;
pub use verify::{BackupJob, Verification, VerifyRejected, VerifyResult};

pub(crate) use import::kin_elsewhere;

/// The driver whose backups we make and read, by the class path that Cinder records with each of them (format
/// spec 6.2).
pub const DRIVER: &str = "cinder.backup.drivers.ceph.CephBackupDriver";
