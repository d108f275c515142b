//! Volume types: names with extra specs that a volume may be made of (API spec 11.3).

mod access;
mod change;
mod extra_specs;
mod fit;
mod read;

pub use access::AccessRejected;
pub use change::{DeleteRejected, NewVolumeType, TypeChange, WriteRejected};
pub use extra_specs::SpecsRejected;
pub use fit::Capabilities;
pub use read::{PROJECTS, TABLE, VolumeType};

pub(crate) use fit::fits;
pub(crate) use read::{Viewer, default, names, resolve};
