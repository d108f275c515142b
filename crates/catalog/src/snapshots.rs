//! Snapshots of the standalone source's volumes (API spec 11.2).

mod create;
mod delete;
mod metadata;
mod read;
mod record;
mod update;

pub use create::{CreateRejected, NewSnapshot};
pub use delete::DeleteRejected;
pub use metadata::MetadataRejected;
pub use read::TABLE;
pub use record::{Snapshot, Status};
pub use update::{ReportRejected, SnapshotChange};

pub(crate) use read::find;
pub(crate) use record::lock_in;
