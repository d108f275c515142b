//! Volumes on their way to another project (API spec 11.3).
//!
//! Whoever hands a volume over gets a key, once; whoever shows it may take the volume. Kept is what the key can be
//! recognised by.

mod accept;
mod create;
mod delete;
mod read;

pub use accept::{AcceptRejected, Accepting};
pub use create::{CreateRejected, Created, NewTransfer};
pub use read::{TABLE, Transfer};

pub(crate) use delete::end;
