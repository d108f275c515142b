//! Backups: the records, and every change that the API makes to them.
//!
//! Each operation of the API is one function and one transaction (API spec 5): it looks at the records it
//! needs under lock, applies the rules in the spec's order, writes the new states, and puts the job into the
//! queue. A rule that does not hold comes back as a rejection and nothing is changed.
//!
//! What the worker does to a backup afterwards is in `work`.

mod read;
mod record;

pub use read::{BackupView, TABLE};
pub use record::{Backup, NO_VOLUME, Status};
