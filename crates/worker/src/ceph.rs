//! Connections to the clusters: one a cluster and user, pools opened once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rbd::{Cluster, ClusterOptions, Errno, Pool};
use tokio::sync::Mutex;

/// How long a look at whether we are fenced may take: a cluster that does not answer at all has not fenced us.
const LOOK: Duration = Duration::from_secs(5);

/// An address that nobody has (RFC 5737), to see whether we could put one on the blocklist.
const NOBODY: &str = "192.0.2.1:0/1";

/// What a user lacks who may not put others on the blocklist.
pub(crate) const MON_CAP: &str = "the Ceph user needs the cap mon 'profile rbd', which allows `osd blocklist add`";

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
    given_up: AtomicBool,
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
        Ok(Self { volumes: volume_pool, backups: backup_cluster, containers, given_up: AtomicBool::new(false) })
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

    /// The connections: one, or one a side.
    pub fn clusters(&self) -> Vec<Cluster> {
        let volumes = self.volumes.cluster();
        if volumes.is(&self.backups) { vec![volumes.clone()] } else { vec![volumes.clone(), self.backups.clone()] }
    }

    /// Begins nothing more over these connections: they were fenced, or may have been.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    /// Whether they were given up.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// Looks at something on both sides.
    pub(crate) async fn look(&self) -> rbd::Result<()> {
        let containers: Vec<Pool> = self.containers.lock().await.values().cloned().collect();
        for pool in std::iter::once(&self.volumes).chain(&containers) {
            pool.look().await?;
        }
        Ok(())
    }

    /// Whether one of the connections was fenced. Gives them up if so. What librbd answers to a client that is fenced
    /// is not always that it is; an operation of librados is always answered so.
    pub(crate) async fn is_fenced(&self) -> bool {
        let looked = tokio::time::timeout(LOOK, self.look()).await;
        let fenced = matches!(looked, Ok(Err(error)) if error.errno == Errno::BLOCKLISTED);
        if fenced {
            self.give_up();
        }
        fenced
    }
}

/// Tries whether the user may put a client on the blocklist, as is done with a worker that lost a job.
///
/// # Errors
/// The caps do not allow it, or Ceph failed.
#[expect(clippy::disallowed_methods, reason = "nobody is fenced: it is no change that a job makes")]
pub async fn probe_fence(cluster: &Cluster) -> rbd::Result<()> {
    cluster.fence(NOBODY, Duration::from_secs(1)).await
}

/// In which librbd keeps what is in a pool's trash. Every removal of an image goes by way of it.
const TRASH: &str = "rbd_trash";

/// Tries what a service needs of a pool: listing images, and writing and removing an object. Makes the object of the pool's
/// trash, which librbd makes with the first removal: when the pool is full by then it can not, and nothing can be removed.
///
/// # Errors
/// The first thing that can not be done.
#[expect(
    clippy::disallowed_methods,
    reason = "a look at the pool is no job, and leaves nothing that anybody else has not"
)]
pub async fn probe(pool: &Pool) -> rbd::Result<()> {
    pool.images().await?;
    if !pool.object_exists(TRASH).await? {
        pool.write_object(TRASH, Vec::new()).await?;
    }
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
