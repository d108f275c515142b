//! The pool, and images of a test's own.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rbd::{Cluster, ClusterOptions, Image, Pool};

const CONF: &str = "CINDERVAULT_TEST_CEPH_CONF";

pub(crate) const MIB: u64 = 1 << 20;

fn conf() -> PathBuf {
    let Some(conf) = std::env::var_os(CONF) else {
        panic!(
            "{CONF} is not set: it names the ceph.conf of a throw-away cluster. To start one for the time of the \
             tests:\ntests/lab/lab.py run -- cargo nextest run --package cindervault-rbd"
        )
    };
    conf.into()
}

pub(crate) async fn connect() -> Cluster {
    Cluster::connect(ClusterOptions { conf: conf(), user: "admin".to_owned() }).await.unwrap()
}

pub(crate) async fn pool() -> Pool {
    connect().await.pool("volumes_ssd").await.unwrap()
}

/// A name that no other test has, in this process or another, now or in an earlier run.
pub(crate) fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("test-{what}-{}-{}-{now}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A new image of 4 MiB objects, open for writing.
pub(crate) async fn image(pool: &Pool, size: u64) -> (String, Image) {
    let name = unique("image");
    pool.create_image(&name, size, None, Some(22)).await.unwrap();
    let image = pool.open(&name).await.unwrap();
    (name, image)
}

/// Closes an image and removes it, which succeeds at once: its watch is gone.
pub(crate) async fn remove(pool: &Pool, name: &str, image: Image) {
    image.close().await;
    pool.remove_image(name).await.unwrap();
}

/// Bytes that are not zero and differ from place to place.
pub(crate) fn pattern(len: usize, salt: u8) -> Vec<u8> {
    (1 + salt..=250).cycle().take(len).collect()
}

/// An operation that must not take for ever, whatever its outcome.
pub(crate) async fn in_time<T>(operation: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(30), operation).await.expect("it never ends")
}

/// What `ceph` prints.
pub(crate) fn ceph(arguments: &[&str]) -> String {
    run("ceph", arguments)
}

/// What `rbd` prints.
pub(crate) fn rbd(arguments: &[&str]) -> String {
    run("rbd", arguments)
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).arg("--conf").arg(conf()).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
