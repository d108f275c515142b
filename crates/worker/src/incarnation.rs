//! Under which name, and over which connections, a worker does its jobs.
//!
//! A worker's name stands for its connections to Ceph: they are written into the catalogue before anything is
//! written over them, so that whoever takes a job over can fence the one who lost it. A worker that was fenced, or may
//! have been, goes on as another: with new connections, under a new name. Jobs that began under the old one end
//! under it.

use std::sync::{Arc, Mutex, PoisonError};

use catalog::Catalog;
use catalog::workers::{Connection, Standing};
use uuid::Uuid;

use crate::JobError;
use crate::ceph::{Ceph, PoolOptions};

/// A name, and the connections that were made under it.
#[derive(Debug)]
pub(crate) struct Incarnation {
    pub(crate) name: String,
    pub(crate) ceph: Arc<Ceph>,
}

/// The incarnations of the worker of this process, one after the other.
#[derive(Debug)]
pub(crate) struct Incarnations {
    catalog: Catalog,
    host: String,
    volumes: PoolOptions,
    backups: PoolOptions,
    latest: Mutex<Arc<Incarnation>>,
    /// Held while a new one is made, so that two lanes do not make one each.
    making: tokio::sync::Mutex<()>,
}

impl Incarnations {
    /// Makes the first one.
    ///
    /// # Errors
    /// Ceph can not be used, or the catalogue failed.
    pub(crate) async fn begin(
        catalog: Catalog,
        host: String,
        volumes: PoolOptions,
        backups: PoolOptions,
    ) -> Result<Self, JobError> {
        let first = make(&catalog, &host, &volumes, &backups).await?;
        Ok(Self {
            catalog,
            host,
            volumes,
            backups,
            latest: Mutex::new(Arc::new(first)),
            making: tokio::sync::Mutex::new(()),
        })
    }

    /// The one that the last job was claimed under; it may have come to its end.
    pub(crate) fn latest(&self) -> Arc<Incarnation> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one under which jobs may be claimed. Made anew where the last has come to its end.
    ///
    /// # Errors
    /// Ceph can not be used, or the catalogue failed; to be tried again.
    pub(crate) async fn current(&self) -> Result<Arc<Incarnation>, JobError> {
        let making = self.making.lock().await;
        let last = self.latest();
        if !last.ceph.is_given_up() {
            return Ok(last);
        }
        let next = Arc::new(make(&self.catalog, &self.host, &self.volumes, &self.backups).await?);
        tracing::warn!(worker = %next.name, before = %last.name, "worker goes on over new connections, under a new name");
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = next.clone();
        drop(making);
        Ok(next)
    }

    /// Says that the worker is alive, and gives its connections up if they were fenced.
    ///
    /// # Errors
    /// The catalogue failed.
    pub(crate) async fn seen(&self) -> catalog::Result<()> {
        let latest = self.latest();
        match self.catalog.worker_seen(&latest.name).await? {
            Standing::Known => {}
            standing => {
                if !latest.ceph.is_given_up() {
                    tracing::warn!(worker = %latest.name, ?standing, "this worker was fenced by another, or forgotten");
                }
                latest.ceph.give_up();
            }
        }
        Ok(())
    }
}

/// Connects to Ceph, and registers the connections.
///
/// # Errors
/// Ceph can not be used, or the catalogue failed.
pub(crate) async fn make(
    catalog: &Catalog,
    host: &str,
    volumes: &PoolOptions,
    backups: &PoolOptions,
) -> Result<Incarnation, JobError> {
    let ceph = Ceph::connect(volumes, backups).await?;
    ceph.look().await?; // where a whole machine is on the blocklist, new connections are so as well
    let mut connections = Vec::new();
    for cluster in ceph.clusters() {
        connections.push(Connection { fsid: cluster.fsid()?, address: cluster.address()? });
    }
    // unique over restarts, so that a lease is never taken for our own
    let name = format!("{host}:{}:{}", std::process::id(), Uuid::new_v4().simple());
    catalog.register_worker(&name, host, &connections).await?;
    tracing::info!(worker = %name, ?connections, "worker registered");
    Ok(Incarnation { name, ceph: Arc::new(ceph) })
}
