//! How much a project may have (API spec 7, 11.3).
//!
//! Usage is counted from the live rows, whatever their status, and never kept in a counter that could drift.
//! A project's limit is what an administrator set for it, else what the quota class `default` says, else
//! the built-in default. Creating something takes a lock on the project's quota first, so that two requests
//! can not both see the last free place.

mod limits;
mod reserve;
mod resource;
mod types;
mod usage;

pub(crate) use self::types::{forget_type, rename_type};

pub use limits::{BelowUsage, Limit};
pub use reserve::Exceeded;
pub use resource::Resource;
pub use usage::Usage;

pub(crate) use reserve::reserve;
