//! The catalogue: every record Cindervault keeps, in Postgres.
//!
//! This is the only crate that contains SQL. It knows backups, the volumes and snapshots of the standalone
//! source, quotas, messages, services and the work queue. It knows nothing of HTTP and nothing of Ceph:
//! its functions take and return domain types, and a rule that is broken comes back as a typed error which
//! the API turns into a fault.
//!
//! Two habits hold everywhere. A change of status is an `UPDATE … WHERE id = $1 AND status = ANY($2)` that
//! must hit one row, so that two requests can never both win. And a job is put into the queue in the same
//! transaction as the change that it belongs to, so that a request answered 202 can not be lost.

mod error;
mod ids;
mod metadata;
mod store;
mod text_enum;
mod time;
mod transaction;

#[expect(clippy::disallowed_methods, reason = "the transactions of requests")]
pub mod attachments;
#[expect(clippy::disallowed_methods, reason = "the transactions of requests")]
pub mod backups;
pub mod jobs;
pub mod journal;
pub mod messages;
pub mod page;
#[expect(clippy::disallowed_methods, reason = "the transactions of requests")]
pub mod quotas;
pub mod reconcile;
pub mod services;
#[expect(clippy::disallowed_methods, reason = "the transactions of requests")]
pub mod snapshots;
#[expect(clippy::disallowed_methods, reason = "the transactions of requests")]
pub mod transfers;
#[expect(clippy::disallowed_methods, reason = "the transactions of requests")]
pub mod types;
#[expect(clippy::disallowed_methods, reason = "the transactions of requests")]
pub mod volumes;
pub mod work;
pub mod workers;

pub use error::{Error, Result};
pub use ids::{BackupId, JobId, MessageId, ProjectId, SnapshotId, TransferId, UserId, VolumeId, VolumeTypeId};
pub use metadata::{EditRejected, MAX_METADATA_BYTES, Metadata, MetadataEdit};
pub use store::Catalog;
pub use text_enum::UnknownWord;
pub use time::Time;
