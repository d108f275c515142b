//! Connections to the clusters: one a cluster and user, pools opened once.

use std::collections::HashMap;

use rbd::{Cluster, ClusterOptions, Pool};
use tokio::sync::Mutex;

/// Where volumes or backups are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolOptions {
    /// The cluster and the user.
    pub cluster: ClusterOptions,
    /// The pool.
    pub pool: String,
}

/// The two sides: the volumes' pool, and the backups' cluster with its pools.
#[derive(Debug)]
pub struct Ceph {
    volumes: Pool,
    backups: Cluster,
    containers: Mutex<HashMap<String, Pool>>,
}

impl Ceph {
    /// Connects to both sides, over one connection where cluster and user are the same.
    ///
    /// # Errors
    /// A cluster can not be reached, or a pool does not exist.
    pub async fn connect(volumes: &PoolOptions, backups: &PoolOptions) -> rbd::Result<Self> {
        let volume_cluster = Cluster::connect(volumes.cluster.clone()).await?;
        let backup_cluster = if volumes.cluster == backups.cluster {
            volume_cluster.clone()
        } else {
            Cluster::connect(backups.cluster.clone()).await?
        };
        let volume_pool = volume_cluster.pool(&volumes.pool).await?;
        let backup_pool = backup_cluster.pool(&backups.pool).await?;
        let containers = Mutex::new(HashMap::from([(backups.pool.clone(), backup_pool)]));
        Ok(Self { volumes: volume_pool, backups: backup_cluster, containers })
    }

    /// The pool of the volumes.
    pub fn volumes(&self) -> &Pool {
        &self.volumes
    }

    /// A pool of backups, by the name that a backup's `container` has.
    ///
    /// # Errors
    /// There is no such pool.
    pub async fn container(&self, name: &str) -> rbd::Result<Pool> {
        let mut containers = self.containers.lock().await;
        if let Some(pool) = containers.get(name) {
            return Ok(pool.clone());
        }
        let pool = self.backups.pool(name).await?;
        containers.insert(name.to_owned(), pool.clone());
        Ok(pool)
    }
}

/// Tries what a service needs of a pool: listing images, and writing and removing an object.
///
/// # Errors
/// The first thing that can not be done.
#[expect(clippy::disallowed_methods, reason = "a look at the pool is no job, and leaves nothing")]
pub async fn probe(pool: &Pool) -> rbd::Result<()> {
    pool.images().await?;
    // a name that Cinder and librbd never use
    let object = format!("cindervault.probe.{}", uuid::Uuid::new_v4());
    pool.write_object(&object, b"probe".to_vec()).await?;
    pool.remove_object(&object).await?;
    Ok(())
}

/// The caps that a user needs on a pool, as `ceph auth caps` takes them.
pub fn needed_caps(user: &str, pool: &str) -> String {
    format!("ceph auth caps client.{user} mon 'profile rbd' osd 'profile rbd pool={pool}'")
}
