//! Volumes of the standalone source (API spec 11.1).
//!
//! A volume's image is made, grown and removed by the worker; what is here changes the row, puts the job
//! into the queue in the same transaction, and says which rule stands in the way when one does.

mod create;
mod delete;
mod extend;
mod metadata;
mod read;
mod record;
mod reserve;
mod reset;
mod retype;
mod summary;
mod update;

pub use create::{CreateRejected, NewVolume, Placement, Source};
pub use delete::{DeleteRejected, Deletion};
pub use extend::ExtendRejected;
pub use metadata::MetadataRejected;
pub use read::{TABLE, VolumeView};
pub use record::{Status, Volume};
pub use reserve::{DetachingRejected, ReserveRejected};
pub use reset::{Reset, ResetRejected};
pub use retype::{Retype, RetypeRejected};
pub use summary::Summary;
pub use update::{ReadonlyRejected, UpdateRejected, VolumeChange};

pub(crate) use create::{Origin, give_up, insert};
pub(crate) use delete::mark_deleted;
pub(crate) use read::{type_name, view};
pub(crate) use record::{lock, lock_in, set_status};
