//! The worker: claims jobs under a lease, drives them on Ceph, records what became of them.
//!
//! This is where the catalogue and the chains meet; neither knows the other. A worker holds no database
//! connection while it copies, and no request ever waits for Ceph.
//!
//! | module | what it does |
//! |---|---|
//! | `incarnation` | the worker's name, which stands for its connections |
//! | `fence` | keeps a worker that lost a job from writing, before another goes on with it |
//! | `runner` | claims jobs in lanes, as many at once as the settings allow |
//! | `lease` | renews a job's lease, publishes its progress, says why it must stop |
//! | `jobs` | one file a kind of job |
//! | `verify`, `scrub` | reads backups back, and says when |
//! | `images` | the images of the standalone volume source |
//! | [`reconcile`] | compares the records with what is on Ceph |
//! | [`ceph`] | connections to clusters, shared |
//!
//! A job that was interrupted is taken up again by whoever claims it next: every kind of job looks at what is
//! on Ceph before it does anything.

pub mod ceph;
mod error;
mod fence;
mod images;
mod incarnation;
mod jobs;
mod lease;
pub mod reconcile;
mod runner;
mod scrub;
mod services;
mod verify;

use std::num::NonZeroU64;
use std::time::Duration;

pub use error::JobError;
pub use runner::Worker;
pub use verify::{Finding, verify_now};

/// The driver class that is recorded with every backup (format spec 6.2).
pub const SERVICE: &str = catalog::backups::DRIVER;

/// How a worker behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The host's name, as services and backups show it.
    pub host: String,
    /// The availability zone of this worker and of the volumes it serves.
    pub zone: String,
    /// The backend's name in the host text of volumes (`host@backend#pool`).
    pub backend: String,
    /// How many creates and restores run at once.
    pub copies: usize,
    /// How many other jobs run at once.
    pub light_jobs: usize,
    /// How many bytes may be in flight over all copies.
    pub memory: u64,
    /// How long a job is this worker's without being renewed.
    pub lease: Duration,
    /// How often the queue is looked at without having been told to.
    pub poll: Duration,
    /// How often a heartbeat is recorded.
    pub heartbeat: Duration,
    /// How long running jobs may go on after the worker was told to stop.
    pub drain: Duration,
    /// Whether a volume keeps only the markers that its next incremental backup needs.
    pub trim_sources: bool,
    /// Whether backups are made with checksums.
    pub checksums: bool,
    /// Every backup is read back once in so long; without it, none is of itself.
    pub scrub_every: Option<Duration>,
    /// How fast backups are read for that; as fast as it goes without.
    pub scrub_bytes_per_second: Option<NonZeroU64>,
    /// The records are compared with what is on Ceph once in so long; without it, only when somebody asks for it.
    pub reconcile_every: Option<Duration>,
    /// The pool that backups go to when the request names none.
    pub default_container: String,
}
