//! Snapshots of the standalone source's volumes (API spec 11.2).

mod record;

pub use record::{Snapshot, Status};
