//! Connections to Ceph clusters.

use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ceph::rados::{
    rados_buffer_free, rados_cluster_fsid, rados_conf_get, rados_conf_read_file, rados_conf_set, rados_connect,
    rados_create2, rados_shutdown, rados_t, rados_wait_for_latest_osdmap,
};
use rbd_sys as sys;

use crate::error::{Error, Result, blocking, c_name, check};
use crate::pool::Pool;

/// How to reach a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClusterOptions {
    /// The cluster's `ceph.conf`.
    pub conf: PathBuf,
    /// The cephx user, without `client.`.
    pub user: String,
}

/// Settings of our own handles, over those of the conf file; each with its reason.
const SETTINGS: &[(&str, &str)] = &[
    // every byte is read or written once: a cache only costs copies, and would delay write errors
    ("rbd_cache", "false"),
    // our buffers would need no copy, but without one a write that librbd refuses (the client was fenced off,
    // the handle is only for reading) never completes
    ("rbd_disable_zero_copy_writes", "true"),
    // reading a clone must never write to it (format spec 7.3)
    ("rbd_clone_copy_on_read", "false"),
    // the cluster's limits are for users, not for backups (those of a pool or an image stay, librbd puts them first)
    ("rbd_qos_iops_limit", "0"),
    ("rbd_qos_bps_limit", "0"),
    // list-snaps requests in flight while a diff is computed, and objects removed at once
    ("rbd_concurrent_management_ops", "64"),
    // write_zeroes and discards as exact as asked
    ("rbd_skip_partial_discard", "false"),
    // a cluster that can not be reached is reported, not waited for
    ("client_mount_timeout", "15"),
    ("rados_mon_op_timeout", "30"),
];

/// How long a client that was fenced stays on the blocklist: a process may be paused for long, and sends what it had
/// in hand as soon as it goes on.
pub const FENCED_FOR: Duration = Duration::from_hours(24 * 7);

pub(crate) struct Handle {
    raw: rados_t,
    label: String,
}

impl Handle {
    /// One that knows what the conf file says to this user, and is not connected.
    pub(crate) fn configured(conf: &Path, user: &str) -> Result<Self> {
        let label = format!("client.{user} with {}", conf.display());
        let name = c_name(&format!("client.{user}"), "connecting as")?;
        let cluster = c_name("ceph", "connecting as")?;
        let mut raw: rados_t = std::ptr::null_mut();
        // SAFETY: `raw` is a place for a handle; both names are valid C strings during the call.
        let code = unsafe { rados_create2(&raw mut raw, cluster.as_ptr(), name.as_ptr(), 0) };
        check(code, "making a handle for", &label)?;
        let handle = Self { raw, label };
        let path = c_name(&conf.to_string_lossy(), "reading the conf of")?;
        // SAFETY: a live handle and a valid C string.
        let code = unsafe { rados_conf_read_file(handle.raw, path.as_ptr()) };
        check(code, "reading the conf for", &handle.label)?;
        Ok(handle)
    }

    /// What the conf says to an option that is a text.
    pub(crate) fn option(&self, name: &str) -> Result<String> {
        let option = c_name(name, "reading the conf of")?;
        let mut text = vec![0_u8; 4096];
        // SAFETY: a live handle, a valid C string, and a buffer of the length that is passed.
        let code = unsafe { rados_conf_get(self.raw, option.as_ptr(), text.as_mut_ptr().cast(), text.len()) };
        check(code, "reading the conf for", &self.label)?;
        Ok(String::from_utf8_lossy(text.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned())
    }
}

// SAFETY: librados' cluster handle may be used from any thread and from several at once (librados.h).
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: created by rados_create2, not used after this, and every pool holds an Arc of this handle,
        // so that no I/O context is left. Works for a handle that never connected, too.
        unsafe { rados_shutdown(self.raw) };
    }
}

/// A connection to a cluster, shared by all its pools. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    handle: Arc<Handle>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cluster").field(&self.handle.label).finish()
    }
}

impl Cluster {
    /// Connects. One connection a cluster is enough: it costs dozens of threads.
    ///
    /// # Errors
    /// The conf file can not be read, the user has no usable key, or no monitor answers within 15 seconds.
    pub async fn connect(options: ClusterOptions) -> Result<Self> {
        blocking(move || Self::connect_blocking(&options.conf, &options.user)).await
    }

    fn connect_blocking(conf: &Path, user: &str) -> Result<Self> {
        let handle = Handle::configured(conf, user)?;
        for (key, value) in SETTINGS {
            let (c_key, c_value) = (c_name(key, "setting")?, c_name(value, "setting")?);
            // SAFETY: a live handle and valid C strings.
            let code = unsafe { rados_conf_set(handle.raw, c_key.as_ptr(), c_value.as_ptr()) };
            check(code, "setting", key)?;
        }
        // SAFETY: a live handle that is not connected yet.
        let code = unsafe { rados_connect(handle.raw) };
        check(code, "connecting as", &handle.label)?;
        Ok(Self { handle: Arc::new(handle) })
    }

    /// Whether two are the same connection.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle)
    }

    /// Opens a pool.
    ///
    /// # Errors
    /// The pool does not exist.
    pub async fn pool(&self, name: &str) -> Result<Pool> {
        let (cluster, name) = (self.clone(), name.to_owned());
        blocking(move || Pool::open_blocking(cluster, &name)).await
    }

    /// The cluster's own id.
    ///
    /// # Errors
    /// Ceph failed.
    pub fn fsid(&self) -> Result<String> {
        const WHAT: &str = "asking for the cluster's id as";
        let mut text = [0_u8; 64];
        // SAFETY: a connected handle, and a buffer with room for the text and its end.
        let code = unsafe { rados_cluster_fsid(self.raw(), text.as_mut_ptr().cast(), text.len()) };
        check(code, WHAT, &self.handle.label)?;
        CStr::from_bytes_until_nul(&text)
            .map(|text| text.to_string_lossy().into_owned())
            .map_err(|_| Error::new(WHAT, self.handle.label.clone(), i64::from(libc::EINVAL)))
    }

    /// The address that the cluster knows this connection by, and no other connection, now or later: it has a number
    /// of its own in it. All that [`Self::fence`] needs.
    ///
    /// # Errors
    /// Ceph failed.
    pub fn address(&self) -> Result<String> {
        let mut text: *mut c_char = std::ptr::null_mut();
        // SAFETY: a connected handle and a place for a pointer.
        let code = unsafe { sys::rados_getaddrs(self.raw(), &raw mut text) };
        check(code, "asking for the address of", &self.handle.label)?;
        // SAFETY: librados has written a pointer to a C string.
        let address = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        // SAFETY: allocated by librados for us, freed once.
        unsafe { rados_buffer_free(text) };
        Ok(address)
    }

    /// Puts the client with this address on the cluster's blocklist: an OSD that knows of it refuses everything that
    /// the client sends, also what the client has sent before and what has not arrived yet, and its watches end. When
    /// this returns, this connection knows of it, and so does each OSD before it answers this connection. An entry
    /// that is there already stays as long as it was to stay.
    ///
    /// # Errors
    /// The address is none, or the caps do not allow it (`mon 'profile rbd'` does).
    pub async fn fence(&self, address: &str, expiry: Duration) -> Result<()> {
        let (cluster, address) = (self.clone(), address.to_owned());
        blocking(move || {
            const WHAT: &str = "putting on the blocklist";
            let c_address = c_name(&address, WHAT)?;
            let seconds = u32::try_from(expiry.as_secs().max(1)).unwrap_or(u32::MAX); // 0 would be the default
            // SAFETY: a connected handle and a valid C string, which librados only reads.
            let code = unsafe { sys::rados_blocklist_add(cluster.raw(), c_address.as_ptr().cast_mut(), seconds) };
            check(code, WHAT, &address)?;
            cluster.latest_map_blocking()
        })
        .await
    }

    /// Waits for the cluster's newest map, so that everybody who was fenced before, by whomever, is so for all that
    /// this connection does afterwards.
    ///
    /// # Errors
    /// No monitor answers.
    pub async fn latest_map(&self) -> Result<()> {
        let cluster = self.clone();
        blocking(move || cluster.latest_map_blocking()).await
    }

    fn latest_map_blocking(&self) -> Result<()> {
        // SAFETY: a connected handle.
        let code = unsafe { rados_wait_for_latest_osdmap(self.raw()) };
        check(code, "waiting for the newest map as", &self.handle.label).map(drop)
    }

    pub(crate) fn raw(&self) -> rados_t {
        self.handle.raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_go_between_threads() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<Cluster>();
        assert_send_sync::<Pool>();
        assert_send_sync::<crate::Image>();
    }

    #[tokio::test]
    async fn a_missing_conf_is_named() {
        let options = ClusterOptions { conf: "does/not/exist.conf".into(), user: "nobody".into() };
        let error = Cluster::connect(options).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "reading the conf for client.nobody with does/not/exist.conf: does not exist (errno 2)"
        );
    }
}
