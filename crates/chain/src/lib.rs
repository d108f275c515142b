//! Backup chains over two pools: the heart of the worker.
//!
//! A chain is one RBD image in the backup pool, the *base*, with one snapshot a backup. A backup is made by
//! taking a snapshot of the volume (the *marker*), copying what changed since the parent's marker into the
//! base's head, and taking an equally named snapshot of the base: that last step is the commit. The on-disk
//! format is that of Cinder's Ceph driver, so either can read, extend and delete what the other wrote.
//!
//! | module | what it does |
//! |---|---|
//! | [`names`] | image, snapshot and object names |
//! | [`create`] | make a backup: full, incremental, of a snapshot |
//! | [`restore`] | write a backup onto a volume, by the cheapest plan that is right |
//! | [`delete`] | remove a restore point, and the base with the last one |
//! | [`mutation`] | everything that changes something on Ceph, with fail points |
//! | [`metadata`] | the object that carries the volume's metadata |
//! | [`scan`] | what there is in the pools, whatever any record says |
//! | [`trim`] | remove from a volume what its next increment does not need |
//! | [`verify`] | read a backup back and compare it with its checksums |
//! | `change` | which extents must be looked at |
//! | `pipeline`, `copy` | the one copy pipeline of all of these |
//! | `mend` | compare a volume with a backup's checksums, and write what disagrees |
//! | `journal`, `ledger` | how far a copy has come for good, so that a later attempt goes on from there |
//! | `sums`, `table` | checksums, and where a backup's are kept |
//! | `pace` | not more than so many bytes a second |
//!
//! This crate knows nothing of Postgres and nothing of HTTP. Every function can be called again after it was
//! interrupted anywhere: it looks at what is on disk first, and goes on from there.

mod blocks;
mod change;
mod control;
mod copy;
pub mod create;
pub mod delete;
mod error;
mod extents;
mod journal;
mod ledger;
mod mend;
pub mod metadata;
pub mod mutation;
pub mod names;
mod pace;
mod pipeline;
mod point;
pub mod restore;
pub mod scan;
mod settle;
mod sums;
mod table;
pub mod trim;
pub mod verify;

pub use control::{Budget, Control, Interrupted, Progress, Prover, Recorder, Step};
pub use error::{Error, Result};
pub use journal::{Finished, Journal, JournalWriter};
pub use point::{BaseRef, RestorePoint};

/// The pools that a job works on. They may be in different clusters.
#[derive(Debug, Clone)]
pub struct Pools {
    /// Where the volumes are.
    pub volumes: rbd::Pool,
    /// Where the backups are: the backup's `container`.
    pub backups: rbd::Pool,
}
