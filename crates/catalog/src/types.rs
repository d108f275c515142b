//! Volume types: names with extra specs that a volume may be made of (API spec 11.3).

mod change;
mod extra_specs;
mod read;

pub use change::{DeleteRejected, NewVolumeType, TypeChange, WriteRejected};
pub use extra_specs::SpecsRejected;
pub use read::{DEFAULT_TYPE, TABLE, VolumeType};

pub(crate) use read::resolve;
