//! Identity: who is asking, and may they.
//!
//! Two questions, answered apart. [`Authenticator`] turns what a request carries into a [`Context`]: a user,
//! a project, roles. [`Policy`] then says whether that context may do what a [`Rule`] names to something that
//! belongs to a [`Target`]. Neither knows HTTP: the API hands in strings and turns refusals into faults.

mod authenticator;
mod context;
mod policy;
mod rule;

pub use authenticator::{AuthError, Authenticator, Credentials};
pub use context::Context;
pub use policy::{Denied, Policy, Target};
pub use rule::Rule;
