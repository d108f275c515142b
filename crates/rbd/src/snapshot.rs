//! Snapshots of an image.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rbd_sys as sys;

use crate::error::{Result, blocking, c_name, check};
use crate::handle::ImageHandle;
use crate::image::{Features, Image, no_progress};

/// A snapshot that a user made (those of groups, mirroring and the trash are not listed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id: greater than that of every earlier snapshot of the pool.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The image's size then, in bytes.
    pub size: u64,
}

impl Image {
    /// All user snapshots, oldest first. A handle opened only for reading sees those that were there when it
    /// was opened.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>> {
        let handle = self.handle.clone();
        blocking(move || of_namespace(&handle, sys::RBD_SNAP_NAMESPACE_TYPE_USER)).await
    }

    /// The snapshots whose removal was cut short, by the names that they had: librbd moves a snapshot to a namespace of
    /// its own before it removes it. Those that wait there for a clone of theirs are among them.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn half_removed_snapshots(&self) -> Result<Vec<Snapshot>> {
        let handle = self.handle.clone();
        blocking(move || {
            let mut named = Vec::new();
            for snapshot in of_namespace(&handle, sys::RBD_SNAP_NAMESPACE_TYPE_TRASH)? {
                let mut name = vec![0_u8; 4096];
                // SAFETY: a live image and a buffer of the length that is passed; librbd ends it with a zero.
                let code = unsafe {
                    sys::rbd_snap_get_trash_namespace(handle.raw, snapshot.id, name.as_mut_ptr().cast(), name.len())
                };
                if code == -libc::ENOENT {
                    continue; // removed since the listing
                }
                check(code, "looking at a snapshot of", &handle.path)?;
                let len = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
                named.push(Snapshot { name: String::from_utf8_lossy(&name[..len]).into_owned(), ..snapshot });
            }
            Ok(named)
        })
        .await
    }

    /// Finishes the removal of a snapshot that was cut short.
    ///
    /// # Errors
    /// There is none of that id, it has clones ([`crate::Errno::BUSY`]), or Ceph failed.
    pub async fn finish_snapshot_removal(&self, id: u64) -> Result<()> {
        let handle = self.handle.clone();
        blocking(move || {
            // SAFETY: a live image.
            let code = unsafe { sys::rbd_snap_remove_by_id(handle.raw, id) };
            check(code, "finishing the removal of a snapshot of", &handle.path).map(drop)
        })
        .await
    }

    /// The youngest snapshot of any kind: of a user, a group, mirroring or the trash.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn youngest_snapshot(&self) -> Result<Option<Snapshot>> {
        let handle = self.handle.clone();
        blocking(move || Ok(list(&handle)?.pop())).await
    }

    /// Whether a snapshot, by its id, has the object map that the image's features promise. One whose making
    /// was cut short, because the process died or space ran out, has none, or an empty one; it is listed all
    /// the same. This crate opens it, but `rbd` and with it Cinder do not.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn snapshot_is_whole(&self, id: u64) -> Result<bool> {
        if !self.features().await?.has(Features::OBJECT_MAP) {
            return Ok(true);
        }
        let map = format!("rbd_object_map.{}.{id:016x}", self.id().await?);
        Ok(self.pool().object_size(&map).await?.is_some_and(|size| size > 0))
    }

    /// Makes a snapshot. On an image whose exclusive lock another client holds this is asked of that client,
    /// which keeps the lock (format spec 7.3).
    ///
    /// # Errors
    /// One of that name exists ([`crate::Errno::EXISTS`]), the image is open only for reading, or Ceph failed.
    pub async fn create_snapshot(&self, name: &str) -> Result<()> {
        self.on_snapshot("making snapshot", name, |image, name| {
            // SAFETY: a live image, a valid C string, and a progress callback that does not look at what it is given.
            unsafe { sys::rbd_snap_create2(image, name, 0, Some(no_progress), std::ptr::null_mut()) }
        })
        .await
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// There is none of that name, it is protected or cloned ([`crate::Errno::BUSY`]), or Ceph failed.
    pub async fn remove_snapshot(&self, name: &str) -> Result<()> {
        self.on_snapshot("removing snapshot", name, |image, name| {
            // SAFETY: a live image and a valid C string.
            unsafe { sys::rbd_snap_remove(image, name) }
        })
        .await
    }

    /// Protects a snapshot, as cloning it demands.
    ///
    /// # Errors
    /// There is none of that name, it is protected already ([`crate::Errno::BUSY`]), or Ceph failed.
    pub async fn protect_snapshot(&self, name: &str) -> Result<()> {
        self.on_snapshot("protecting snapshot", name, |image, name| {
            // SAFETY: a live image and a valid C string.
            unsafe { sys::rbd_snap_protect(image, name) }
        })
        .await
    }

    /// Takes the protection away.
    ///
    /// # Errors
    /// The snapshot has clones ([`crate::Errno::BUSY`]), is not protected ([`crate::Errno::INVALID`]), or Ceph failed.
    pub async fn unprotect_snapshot(&self, name: &str) -> Result<()> {
        self.on_snapshot("unprotecting snapshot", name, |image, name| {
            // SAFETY: a live image and a valid C string.
            unsafe { sys::rbd_snap_unprotect(image, name) }
        })
        .await
    }

    /// Makes the image what it was at a snapshot.
    ///
    /// # Errors
    /// There is none of that name, or Ceph failed.
    pub async fn roll_back(&self, name: &str) -> Result<()> {
        self.on_snapshot("rolling back to snapshot", name, |image, name| {
            // SAFETY: a live image and a valid C string.
            unsafe { sys::rbd_snap_rollback(image, name) }
        })
        .await
    }

    /// Whether a snapshot is protected.
    ///
    /// # Errors
    /// There is none of that name, or Ceph failed.
    pub async fn is_protected(&self, name: &str) -> Result<bool> {
        let (handle, name) = (self.handle.clone(), name.to_owned());
        blocking(move || {
            let c_snap = c_name(&name, "looking at snapshot")?;
            let mut protected = 0;
            // SAFETY: a live image, a valid C string and a place to write to.
            let code = unsafe { sys::rbd_snap_is_protected(handle.raw, c_snap.as_ptr(), &raw mut protected) };
            check(code, "looking at snapshot", &format!("{}@{name}", handle.path))?;
            Ok(protected != 0)
        })
        .await
    }

    /// When a snapshot was made, by the clock of the client that made it.
    ///
    /// # Errors
    /// There is none of that id, or Ceph failed.
    pub async fn snapshot_time(&self, id: u64) -> Result<SystemTime> {
        let handle = self.handle.clone();
        blocking(move || {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: a live image and a place to write to.
            let code = unsafe { sys::rbd_snap_get_timestamp(handle.raw, id, &raw mut time) };
            check(code, "looking at a snapshot of", &handle.path)?;
            Ok(system_time(time))
        })
        .await
    }

    async fn on_snapshot(
        &self,
        what: &'static str,
        name: &str,
        call: impl FnOnce(sys::rbd_image_t, *const libc::c_char) -> libc::c_int + Send + 'static,
    ) -> Result<()> {
        let (handle, name) = (self.handle.clone(), name.to_owned());
        blocking(move || {
            let c_snap = c_name(&name, what)?;
            let code = call(handle.raw, c_snap.as_ptr());
            check(code, what, &format!("{}@{name}", handle.path)).map(drop)
        })
        .await
    }
}

/// A time of C's as one of ours.
pub(crate) fn system_time(time: libc::timespec) -> SystemTime {
    let (secs, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    UNIX_EPOCH + Duration::new(secs, nanos)
}

/// The snapshots of one kind, oldest first.
fn of_namespace(handle: &ImageHandle, wanted: sys::rbd_snap_namespace_type_t) -> Result<Vec<Snapshot>> {
    let mut snapshots = Vec::new();
    for snapshot in list(handle)? {
        let mut namespace = sys::RBD_SNAP_NAMESPACE_TYPE_USER;
        // SAFETY: a live image and a place to write to.
        let code = unsafe { sys::rbd_snap_get_namespace_type(handle.raw, snapshot.id, &raw mut namespace) };
        if code == -libc::ENOENT {
            continue; // removed since the listing
        }
        check(code, "looking at a snapshot of", &handle.path)?;
        if namespace == wanted {
            snapshots.push(snapshot);
        }
    }
    Ok(snapshots)
}

/// The snapshots of every kind, oldest first.
fn list(handle: &ImageHandle) -> Result<Vec<Snapshot>> {
    let mut room: libc::c_int = 16;
    loop {
        let empty = sys::rbd_snap_info_t { id: 0, size: 0, name: std::ptr::null() };
        let places = usize::try_from(room).unwrap_or(0) + 1;
        let mut infos = vec![empty; places];
        room = libc::c_int::try_from(places).unwrap_or(libc::c_int::MAX);
        // SAFETY: `infos` has `room` places; librbd fills at most that many.
        let code = unsafe { sys::rbd_snap_list(handle.raw, infos.as_mut_ptr(), &raw mut room) };
        if code == -libc::ERANGE {
            continue; // `room` now says how many there are
        }
        let count = usize::try_from(check(code, "listing the snapshots of", &handle.path)?).unwrap_or(0);
        let named = infos[..count].iter().map(|info| {
            // SAFETY: a filled entry's name is a C string owned by librbd until the clean-up below.
            let name = unsafe { std::ffi::CStr::from_ptr(info.name) }.to_string_lossy().into_owned();
            Snapshot { id: info.id, name, size: info.size }
        });
        let mut snapshots: Vec<Snapshot> = named.collect();
        if count > 0 {
            // SAFETY: frees the names of the filled entries, once.
            unsafe { sys::rbd_snap_list_end(infos.as_mut_ptr()) };
        }
        snapshots.sort_by_key(|snapshot| snapshot.id);
        return Ok(snapshots);
    }
}
