//! The crate against a real Ceph.
//!
//! `CINDERVAULT_TEST_CEPH_CONF` names the `ceph.conf` of a throw-away cluster, in which `client.admin` may do
//! everything and the pool `volumes_ssd` exists.

#![expect(clippy::disallowed_methods, reason = "the calls themselves are tested here")]

#[cfg(test)]
mod data;
#[cfg(test)]
mod disallowed;
#[cfg(test)]
mod fencing;
#[cfg(test)]
mod images;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod pools;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod support;
