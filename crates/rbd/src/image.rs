//! Images.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use rbd_sys as sys;
use tokio::sync::oneshot;

use crate::error::{Result, blocking, c_name, check};
use crate::handle::ImageHandle;
use crate::pool::Pool;

/// A set of image features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features(pub u64);

impl Features {
    /// Snapshots can be cloned.
    pub const LAYERING: Self = Self(sys::RBD_FEATURE_LAYERING);
    /// Writers take turns.
    pub const EXCLUSIVE_LOCK: Self = Self(sys::RBD_FEATURE_EXCLUSIVE_LOCK);
    /// It is recorded which objects exist.
    pub const OBJECT_MAP: Self = Self(sys::RBD_FEATURE_OBJECT_MAP);
    /// It is recorded which objects changed since a snapshot.
    pub const FAST_DIFF: Self = Self(sys::RBD_FEATURE_FAST_DIFF);
    /// Flattening reaches into snapshots.
    pub const DEEP_FLATTEN: Self = Self(sys::RBD_FEATURE_DEEP_FLATTEN);

    /// Both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `others` are among these.
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

/// How an image is cut into objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The image's size in bytes, at the point that the handle was opened at.
    pub size: u64,
    /// The size of an object in bytes.
    pub object_size: u64,
    /// Striping unit in bytes; the object size when there is no striping.
    pub stripe_unit: u64,
    /// Over how many objects a stripe goes; 1 when there is no striping.
    pub stripe_count: u64,
}

impl Layout {
    /// After how many bytes the mapping to objects repeats: I/O that does not cross this border touches as
    /// few objects as can be.
    pub fn period(self) -> u64 {
        self.object_size * self.stripe_count.max(1)
    }
}

/// An open image, at its head or at a snapshot. Cheap to clone; closed when the last clone and the last
/// operation under way are gone.
#[derive(Clone)]
pub struct Image {
    pub(crate) handle: Arc<ImageHandle>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Image").field(&self.handle.path).finish()
    }
}

/// Progress that nobody listens to: librbd calls the callback without looking whether there is one.
pub(crate) unsafe extern "C" fn no_progress(_: u64, _: u64, _: *mut libc::c_void) -> libc::c_int {
    0
}

/// A way to open an image: by its name or its id, for everything or for reading.
type Open = unsafe extern "C" fn(
    sys::rados_ioctx_t,
    *const libc::c_char,
    *mut sys::rbd_image_t,
    *const libc::c_char,
) -> libc::c_int;

impl Image {
    pub(crate) async fn open(pool: Pool, name: &str, snapshot: Option<&str>, read_only: bool) -> Result<Self> {
        let open: Open = if read_only { sys::rbd_open_read_only } else { sys::rbd_open };
        Self::open_by(pool, name, snapshot, open).await
    }

    /// Opens an image that is in the trash, for reading.
    pub(crate) async fn open_trashed(pool: Pool, id: &str) -> Result<Self> {
        Self::open_by(pool, id, None, sys::rbd_open_by_id_read_only).await
    }

    async fn open_by(pool: Pool, name: &str, snapshot: Option<&str>, open: Open) -> Result<Self> {
        let (name, snapshot) = (name.to_owned(), snapshot.map(str::to_owned));
        blocking(move || {
            let path = match &snapshot {
                None => format!("{}/{name}", pool.name()),
                Some(snapshot) => format!("{}/{name}@{snapshot}", pool.name()),
            };
            let what = "opening image";
            let c_image = c_name(&name, what)?;
            let c_snap = snapshot.map(|snapshot| c_name(&snapshot, what)).transpose()?;
            let mut raw: sys::rbd_image_t = std::ptr::null_mut();
            // SAFETY: a live context, a valid C string and a place for the image; null is the head.
            let code = unsafe { open(pool.raw(), c_image.as_ptr(), &raw mut raw, std::ptr::null()) };
            check(code, what, &path)?;
            let handle = ImageHandle { raw, path, pool, closed: Mutex::new(None) };
            if let Some(snapshot) = c_snap {
                // opened at the head first: straight at a snapshot, librbd can not make up for an object map
                // that is missing, and where it fails for that has been seen to end the process
                // SAFETY: a live image and a valid C string.
                let code = unsafe { sys::rbd_snap_set(handle.raw, snapshot.as_ptr()) };
                check(code, what, &handle.path)?;
            }
            Ok(Self { handle: Arc::new(handle) })
        })
        .await
    }

    /// `pool/image` or `pool/image@snapshot`, for messages.
    pub fn path(&self) -> &str {
        &self.handle.path
    }

    /// The pool that the image is in.
    pub fn pool(&self) -> &Pool {
        &self.handle.pool
    }

    /// Closes the image and waits until its watch is gone, so that it can be removed.
    ///
    /// With clones of the handle left this waits for them, too.
    pub async fn close(self) {
        let (closed, receiver) = oneshot::channel();
        if let Ok(mut slot) = self.handle.closed.lock() {
            *slot = Some(closed);
        }
        drop(self);
        // an error means that the closing thread could not be had, which it has logged
        let _ = receiver.await;
    }

    /// Size and objects.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn layout(&self) -> Result<Layout> {
        let handle = self.handle.clone();
        blocking(move || {
            let what = "looking at";
            // SAFETY: plain integers and arrays: all zeroes is a value.
            let mut info: sys::rbd_image_info_t = unsafe { std::mem::zeroed() };
            // SAFETY: a live image and a place of the size that is passed.
            let code = unsafe { sys::rbd_stat(handle.raw, &raw mut info, size_of_val(&info)) };
            check(code, what, &handle.path)?;
            let (mut stripe_unit, mut stripe_count) = (0, 0);
            // SAFETY: a live image and a place to write to.
            check(unsafe { sys::rbd_get_stripe_unit(handle.raw, &raw mut stripe_unit) }, what, &handle.path)?;
            // SAFETY: as above.
            check(unsafe { sys::rbd_get_stripe_count(handle.raw, &raw mut stripe_count) }, what, &handle.path)?;
            Ok(Layout { size: info.size, object_size: info.obj_size, stripe_unit, stripe_count })
        })
        .await
    }

    /// The size in bytes, at the point that the handle was opened at.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn size(&self) -> Result<u64> {
        self.number(sys::rbd_get_size).await
    }

    /// How many bytes at the start of a clone may still come from its parent, at the point that the handle
    /// was opened at; 0 for an image without a parent.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn parent_overlap(&self) -> Result<u64> {
        match self.number(sys::rbd_get_overlap).await {
            Err(error) if error.is_not_found() => Ok(0),
            other => other,
        }
    }

    /// The feature mask.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn features(&self) -> Result<Features> {
        self.number(sys::rbd_get_features).await.map(Features)
    }

    async fn number(&self, call: unsafe extern "C" fn(sys::rbd_image_t, *mut u64) -> libc::c_int) -> Result<u64> {
        let handle = self.handle.clone();
        blocking(move || {
            let mut value = 0;
            // SAFETY: a live image and a place to write to.
            let code = unsafe { call(handle.raw, &raw mut value) };
            check(code, "looking at", &handle.path)?;
            Ok(value)
        })
        .await
    }

    /// The internal id: it stays the same when an image is renamed, and differs between two images that had
    /// the same name one after the other.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn id(&self) -> Result<String> {
        let handle = self.handle.clone();
        blocking(move || {
            let mut text = vec![0_u8; 256];
            // SAFETY: a live image and a buffer of the length that is passed; librbd ends it with a zero.
            let code = unsafe { sys::rbd_get_id(handle.raw, text.as_mut_ptr().cast(), text.len()) };
            check(code, "looking at", &handle.path)?;
            let len = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
            text.truncate(len);
            Ok(String::from_utf8_lossy(&text).into_owned())
        })
        .await
    }

    /// When the image was made, by the clock of the client that made it.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn created(&self) -> Result<SystemTime> {
        let handle = self.handle.clone();
        blocking(move || {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: a live image and a place to write to.
            let code = unsafe { sys::rbd_get_create_timestamp(handle.raw, &raw mut time) };
            check(code, "looking at", &handle.path)?;
            Ok(crate::snapshot::system_time(time))
        })
        .await
    }

    /// Changes the size, to a smaller one only with `allow_shrink`. Snapshots keep theirs.
    ///
    /// # Errors
    /// The image would shrink and must not, or Ceph failed.
    pub async fn resize(&self, size: u64, allow_shrink: bool) -> Result<()> {
        let handle = self.handle.clone();
        blocking(move || {
            let (unheard, nothing) = (Some(no_progress as _), std::ptr::null_mut());
            // SAFETY: a live image; a progress callback that does not look at what it is given.
            let code = unsafe { sys::rbd_resize2(handle.raw, size, allow_shrink, unheard, nothing) };
            check(code, "resizing", &handle.path).map(drop)
        })
        .await
    }

    /// Copies what a clone still has from its parent, so that it needs it no more.
    ///
    /// # Errors
    /// The image is no clone ([`crate::Errno::INVALID`]), or Ceph failed.
    pub async fn flatten(&self) -> Result<()> {
        let handle = self.handle.clone();
        blocking(move || {
            // SAFETY: a live image.
            let code = unsafe { sys::rbd_flatten(handle.raw) };
            check(code, "flattening", &handle.path).map(drop)
        })
        .await
    }
}
