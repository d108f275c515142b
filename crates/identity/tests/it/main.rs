//! The identity crate from outside: a Keystone that fails in every way, and the policy language beside its
//! original. What a Keystone that is well does is tried with a real one, in `tests/keystone`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test that calls them")]

mod failures;
mod fake;
mod oracle;
mod reload;
