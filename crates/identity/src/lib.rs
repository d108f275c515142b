//! Identity: who is asking, and may they.
//!
//! Two questions, answered apart. [`Authenticator`] turns what a request carries into a [`Context`]: a user,
//! a project, roles. [`Policy`] then says whether that context may do what a [`Rule`] names to something that
//! belongs to a [`Target`]. Neither knows the API: it hands in strings and turns refusals into faults.
//!
//! Whose a token is, [`Keystone`] says; [`Authenticator::Noauth`] believes everybody. Rules are in the language
//! of oslo.policy, with the reference's names and defaults, and an operator's file stands over them.

mod authenticator;
mod context;
mod keystone;
mod policy;
mod rule;
mod secret;

pub use authenticator::{AuthError, Authenticator, Credentials};
pub use context::{Context, Service};
pub use keystone::{Keystone, KeystoneError, KeystoneSettings, Standing};
pub use policy::{Denied, Policy, PolicyEntry, PolicyError, PolicySettings, Target};
pub use rule::Rule;
pub use secret::Secret;
