//! Ceph block devices, safely: clusters, pools, images, snapshots, diffs and asynchronous reads and writes.
//!
//! This crate and `rbd-sys` are the only ones with `unsafe` in them. What makes it hold:
//!
//! * A handle keeps its parent alive: an [`Image`] holds its [`Pool`], a pool its [`Cluster`]. So librados'
//!   rule, that an I/O context must go before its cluster handle, can not be broken by dropping in the
//!   wrong order.
//! * An asynchronous operation owns its memory. Buffer, image and sender live in one box that librbd holds
//!   until the callback takes it back; a future that is dropped frees nothing early and leaks nothing.
//! * Callbacks run on librbd's threads. They only send; a panic is caught before it could cross into C.
//! * Closing an image waits for librbd, so the last handle to go hands the raw image to a thread of its own
//!   instead of closing it where it happens to be dropped, which may be one of librbd's threads.
//! * Calls that block run on tokio's blocking pool.
#![expect(unsafe_code, reason = "the safe side of a C library")]

mod aio;
mod cluster;
mod diff;
mod error;
mod handle;
mod image;
mod image_metadata;
mod keys;
mod lockers;
mod pool;
mod snapshot;
mod trash;

pub use cluster::{Cluster, ClusterOptions, FENCED_FOR};
pub use diff::{DiffMode, Difference, Extent};
pub use error::{Errno, Error, Result};
pub use image::{Features, Image, Layout};
pub use keys::KeySources;
pub use pool::Pool;
pub use snapshot::Snapshot;
pub use trash::Trashed;

/// The version of the librbd that this process runs with.
pub fn version() -> (i32, i32, i32) {
    let (mut major, mut minor, mut extra) = (0, 0, 0);
    // SAFETY: three valid pointers to integers, which librbd only writes to.
    unsafe { rbd_sys::rbd_version(&raw mut major, &raw mut minor, &raw mut extra) };
    (major, minor, extra)
}
