//! Backup chains on a real Ceph, compared with plain byte arrays.
//!
//! | module | what it does |
//! |---|---|
//! | `cluster` | reaches the cluster, makes throw-away pools, calls `ceph` and `rbd` |
//! | `world` | volumes and backups on the cluster, and beside each the bytes it must have |
//! | `interrupt` | stops an operation at a chosen place |
//! | `history` | random histories of a world |
//! | `chains`, `damage`, `deletion`, `doubles`, `guests`, `interruptions`, `maps`, `restores`, `resumed`, `space`, `vanishing` | single cases, step by step |
//!
//! All of them need a cluster: see [`cluster::conf`] for how to give them one.

#![expect(clippy::disallowed_methods, reason = "tests change what they like")]

#[cfg(test)]
mod chains;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod deletion;
#[cfg(test)]
mod doubles;
#[cfg(test)]
mod guests;
#[cfg(test)]
mod history;
#[cfg(test)]
mod interrupt;
#[cfg(test)]
mod interruptions;
#[cfg(test)]
mod maps;
#[cfg(test)]
mod restores;
#[cfg(test)]
mod resumed;
#[cfg(test)]
mod space;
#[cfg(test)]
mod vanishing;
#[cfg(test)]
mod world;
