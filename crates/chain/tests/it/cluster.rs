//! The cluster that the tests run on.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use chain::{Budget, Pools};
use rbd::{Cluster, ClusterOptions};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

/// Names the `ceph.conf` of a throw-away cluster.
const CONF: &str = "CINDERVAULT_TEST_CEPH_CONF";

/// The pools that the single cases share: their volumes and backups have ids of their own.
const SHARED_POOLS: (&str, &str) = ("volumes_ssd", "backups");

/// A case that changes the whole cluster waits for all others and runs alone. (That holds inside one process;
/// between processes nextest sees to it, see `.config/nextest.toml`.)
static TURN: RwLock<()> = RwLock::const_new(());

#[expect(dead_code, reason = "held, not looked at")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// What a test works with.
pub(crate) struct Ceph {
    /// As the worker has them.
    pub(crate) pools: Pools,
    /// The volumes' pool through a connection of its own: who writes with it is another client, as a
    /// hypervisor is.
    pub(crate) guest: rbd::Pool,
    /// Shared by all operations of the test.
    pub(crate) budget: Budget,
    _turn: Turn,
}

/// The conf file of the cluster.
pub(crate) fn conf() -> PathBuf {
    let Some(path) = std::env::var_os(CONF) else {
        panic!(
            "{CONF} is not set: it names the ceph.conf of a throw-away cluster, in which client.admin may do \
             everything and the pools {SHARED_POOLS:?} exist. To start one for the time of the tests:\n\
             tests/lab/lab.py run -- cargo nextest run --package cindervault-chain"
        )
    };
    path.into()
}

impl Ceph {
    /// The shared pools.
    pub(crate) async fn shared() -> Arc<Self> {
        let turn = Turn::Shared(TURN.read().await);
        Arc::new(Self::open(SHARED_POOLS.0, SHARED_POOLS.1, turn).await)
    }

    /// The shared pools, with no other test running.
    pub(crate) async fn alone() -> Arc<Self> {
        let turn = Turn::Alone(TURN.write().await);
        Arc::new(Self::open(SHARED_POOLS.0, SHARED_POOLS.1, turn).await)
    }

    /// Pools of this test alone, so that it can look at all that is in them. [`Self::drop_pools`] ends them.
    pub(crate) async fn with_own_pools() -> Self {
        let turn = Turn::Shared(TURN.read().await);
        let id = Uuid::new_v4().simple().to_string();
        let names = [format!("test-volumes-{id}"), format!("test-backups-{id}")];
        for name in &names {
            ceph(&["osd", "pool", "create", name, "8"]).await;
            ceph(&["osd", "pool", "application", "enable", name, "rbd"]).await;
        }
        Self::open(&names[0], &names[1], turn).await
    }

    /// The shared pools, without a turn: for looking at the cluster.
    pub(crate) async fn pools_of_a_new_client() -> Pools {
        let cluster = connect().await;
        let (volumes, backups) = (cluster.pool(SHARED_POOLS.0).await, cluster.pool(SHARED_POOLS.1).await);
        Pools { volumes: volumes.unwrap(), backups: backups.unwrap() }
    }

    async fn open(volumes: &str, backups: &str, turn: Turn) -> Self {
        let (ours, theirs) = (connect().await, connect().await);
        let pools = Pools { volumes: ours.pool(volumes).await.unwrap(), backups: ours.pool(backups).await.unwrap() };
        Self { pools, guest: theirs.pool(volumes).await.unwrap(), budget: Budget::new(64 << 20), _turn: turn }
    }

    /// Removes the pools of [`Self::with_own_pools`].
    pub(crate) async fn drop_pools(self) {
        for pool in [&self.pools.volumes, &self.pools.backups] {
            let name = pool.name();
            assert!(name.starts_with("test-"), "{name} is shared");
            ceph(&["osd", "pool", "delete", name, name, "--yes-i-really-really-mean-it"]).await;
        }
    }
}

/// A new connection: another client, as far as the cluster can tell.
pub(crate) async fn connect() -> Cluster {
    Cluster::connect(ClusterOptions { conf: conf(), user: "admin".to_owned() }).await.unwrap()
}

/// What `ceph` prints.
pub(crate) async fn ceph(arguments: &[&str]) -> String {
    run("ceph", arguments).await
}

/// What `rbd` prints.
pub(crate) async fn rbd(arguments: &[&str]) -> String {
    run("rbd", arguments).await
}

async fn run(program: &'static str, arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let called = tokio::task::spawn_blocking(move || {
        let output = Command::new(program).arg("--conf").arg(conf()).args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {arguments:?}: {}: {said}", output.status);
        String::from_utf8(output.stdout).unwrap()
    });
    called.await.unwrap()
}
