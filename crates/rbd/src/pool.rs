//! Pools: their images and their plain objects.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ceph::rados::{
    rados_ioctx_create, rados_ioctx_destroy, rados_ioctx_t, rados_list_ctx_t, rados_nobjects_list_close,
    rados_nobjects_list_next, rados_nobjects_list_open, rados_read, rados_remove, rados_stat, rados_write_full,
};
use rbd_sys as sys;

use crate::cluster::Cluster;
use crate::error::{Error, Result, blocking, c_name, check};
use crate::image::{Features, Image};

pub(crate) struct PoolHandle {
    raw: rados_ioctx_t,
    pub(crate) name: String,
    // keeps the cluster's handle alive until this context is destroyed
    cluster: Cluster,
}

// SAFETY: an I/O context may be used from several threads as long as its namespace, locator and snapshot
// context are not changed (librados.h); they are never changed after opening.
unsafe impl Send for PoolHandle {}
// SAFETY: as above.
unsafe impl Sync for PoolHandle {}

impl Drop for PoolHandle {
    fn drop(&mut self) {
        // SAFETY: made by rados_ioctx_create; images hold an Arc of this handle, so that none is open; the
        // cluster is dropped after this.
        unsafe { rados_ioctx_destroy(self.raw) };
    }
}

/// A pool of a cluster. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    pub(crate) handle: Arc<PoolHandle>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.handle.name).finish()
    }
}

impl Pool {
    pub(crate) fn open_blocking(cluster: Cluster, name: &str) -> Result<Self> {
        let c_pool = c_name(name, "opening pool")?;
        let mut raw: rados_ioctx_t = std::ptr::null_mut();
        // SAFETY: a connected cluster handle, a valid C string and a place for the context.
        let code = unsafe { rados_ioctx_create(cluster.raw(), c_pool.as_ptr(), &raw mut raw) };
        check(code, "opening pool", name)?;
        // SAFETY: a live context. A full pool must fail our writes, not block them for ever.
        unsafe { sys::rados_set_pool_full_try(raw) };
        Ok(Self { handle: Arc::new(PoolHandle { raw, name: name.to_owned(), cluster }) })
    }

    /// The pool's name.
    pub fn name(&self) -> &str {
        &self.handle.name
    }

    /// The cluster that the pool is in.
    pub fn cluster(&self) -> &Cluster {
        &self.handle.cluster
    }

    pub(crate) fn raw(&self) -> rados_ioctx_t {
        self.handle.raw
    }

    pub(crate) fn path(&self, object: &str) -> String {
        format!("{}/{object}", self.name())
    }

    /// The names of all images of the pool, in no order.
    ///
    /// # Errors
    /// The caps do not allow it, or Ceph failed.
    pub async fn images(&self) -> Result<Vec<String>> {
        Ok(self.image_specs().await?.into_iter().map(|(_, name)| name).collect())
    }

    /// The ids of the images of this name: of one, or also of those whose removal was cut short, which librbd keeps in the
    /// trash and lists with the others (and not with the trash).
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn ids_of(&self, name: &str) -> Result<Vec<String>> {
        let specs = self.image_specs().await?;
        let mut ids: Vec<String> = specs.into_iter().filter(|(_, listed)| listed == name).map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Ids and names, also of images that are being removed.
    pub(crate) async fn image_specs(&self) -> Result<Vec<(String, String)>> {
        let pool = self.clone();
        blocking(move || {
            let mut room = 64;
            loop {
                let empty = sys::rbd_image_spec_t { id: std::ptr::null_mut(), name: std::ptr::null_mut() };
                let mut specs = vec![empty; room];
                // SAFETY: `specs` has `room` places; librbd fills at most that many and says how many.
                let code = unsafe { sys::rbd_list2(pool.raw(), specs.as_mut_ptr(), &raw mut room) };
                if code == -libc::ERANGE {
                    continue; // `room` now says how many places are needed
                }
                check(code, "listing the images of", pool.name())?;
                let text = |raw| {
                    // SAFETY: a filled entry's texts are C strings owned by librbd until the clean-up below.
                    unsafe { std::ffi::CStr::from_ptr(raw) }.to_string_lossy().into_owned()
                };
                let found = specs[..room].iter().map(|spec| (text(spec.id), text(spec.name))).collect();
                // SAFETY: frees exactly the filled entries, once.
                unsafe { sys::rbd_image_spec_list_cleanup(specs.as_mut_ptr(), room) };
                return Ok(found);
            }
        })
        .await
    }

    /// Makes an image of `size` bytes. `features` of `None` means the cluster's default; `order` is the object
    /// size as a power of two, `None` for the default (22: 4 MiB).
    ///
    /// # Errors
    /// An image of that name exists, or Ceph failed.
    pub async fn create_image(
        &self,
        name: &str,
        size: u64,
        features: Option<Features>,
        order: Option<u8>,
    ) -> Result<()> {
        let (pool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let path = pool.path(&name);
            let c_image = c_name(&name, "creating image")?;
            let options = CreateOptions::new(features, order, &path)?;
            // SAFETY: a live context, a valid C string and live options.
            let code = unsafe { sys::rbd_create4(pool.raw(), c_image.as_ptr(), size, options.raw) };
            check(code, "creating image", &path).map(drop)
        })
        .await
    }

    /// Makes `child` in this pool, a clone of `parent`'s protected snapshot `snapshot`.
    ///
    /// # Errors
    /// The snapshot is missing or not protected, the child exists, or Ceph failed.
    pub async fn clone_image(
        &self,
        parent: &str,
        snapshot: &str,
        child: &str,
        features: Option<Features>,
    ) -> Result<()> {
        let (pool, parent, snapshot, child) = (self.clone(), parent.to_owned(), snapshot.to_owned(), child.to_owned());
        blocking(move || {
            let path = pool.path(&child);
            let (c_parent, c_snap, c_child) =
                (c_name(&parent, "cloning")?, c_name(&snapshot, "cloning")?, c_name(&child, "cloning")?);
            let options = CreateOptions::new(features, None, &path)?;
            // SAFETY: a live context for both sides, valid C strings and live options.
            let code = unsafe {
                sys::rbd_clone3(
                    pool.raw(),
                    c_parent.as_ptr(),
                    c_snap.as_ptr(),
                    pool.raw(),
                    c_child.as_ptr(),
                    options.raw,
                )
            };
            check(code, "cloning into image", &path).map(drop)
        })
        .await
    }

    /// Removes an image with all its data.
    ///
    /// # Errors
    /// The image does not exist, still has snapshots ([`crate::Errno::NOT_EMPTY`]), is watched by somebody
    /// ([`crate::Errno::BUSY`]), or Ceph failed.
    pub async fn remove_image(&self, name: &str) -> Result<()> {
        let (pool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let c_image = c_name(&name, "removing image")?;
            // SAFETY: a live context and a valid C string.
            let code = unsafe { sys::rbd_remove(pool.raw(), c_image.as_ptr()) };
            check(code, "removing image", &pool.path(&name)).map(drop)
        })
        .await
    }

    /// Moves an image to the pool's trash, from where `rbd trash purge` removes it.
    ///
    /// # Errors
    /// The image does not exist, or Ceph failed.
    pub async fn trash_image(&self, name: &str) -> Result<()> {
        let (pool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let c_image = c_name(&name, "moving to the trash image")?;
            // SAFETY: a live context and a valid C string.
            let code = unsafe { sys::rbd_trash_move(pool.raw(), c_image.as_ptr(), 0) };
            check(code, "moving to the trash image", &pool.path(&name)).map(drop)
        })
        .await
    }

    /// Opens an image for reading and writing. Registers a watch, which keeps the image from being removed.
    ///
    /// # Errors
    /// The image does not exist, or Ceph failed.
    pub async fn open(&self, image: &str) -> Result<Image> {
        Image::open(self.clone(), image, None, false).await
    }

    /// Opens an image, as it was at `snapshot` where one is given, only for reading: without a watch, and
    /// without ever touching its lock.
    ///
    /// # Errors
    /// The image or the snapshot does not exist, or Ceph failed.
    pub async fn open_read_only(&self, image: &str, snapshot: Option<&str>) -> Result<Image> {
        Image::open(self.clone(), image, snapshot, true).await
    }

    /// Reads a whole object, at most `limit` bytes of it. `None` when there is none.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn read_object(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>> {
        let (pool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let c_object = c_name(&name, "reading object")?;
            let mut data = vec![0_u8; limit];
            // SAFETY: `data` has `limit` bytes to be written to.
            let code = unsafe { rados_read(pool.raw(), c_object.as_ptr(), data.as_mut_ptr().cast(), limit, 0) };
            match check(code, "reading object", &pool.path(&name)) {
                Ok(len) => {
                    data.truncate(usize::try_from(len).unwrap_or(0));
                    Ok(Some(data))
                }
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Looks at something in the pool, to see whether it answers.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn look(&self) -> Result<()> {
        /// Where the names of images are; that it is not there is an answer as well.
        const DIRECTORY: &str = "rbd_directory";
        self.look_at_object(DIRECTORY).await.map(drop)
    }

    /// Whether an object exists.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn object_exists(&self, name: &str) -> Result<bool> {
        Ok(self.object_size(name).await?.is_some())
    }

    /// The size of an object in bytes; `None` when there is none.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn object_size(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.look_at_object(name).await?.map(|(size, _)| size))
    }

    /// When an object was written last, in whole seconds; `None` when there is none.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn object_time(&self, name: &str) -> Result<Option<SystemTime>> {
        Ok(self.look_at_object(name).await?.map(|(_, time)| time))
    }

    async fn look_at_object(&self, name: &str) -> Result<Option<(u64, SystemTime)>> {
        let (pool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let c_object = c_name(&name, "looking at object")?;
            let (mut size, mut time) = (0, 0);
            // SAFETY: a live context, a valid C string and two places to write to.
            let code = unsafe { rados_stat(pool.raw(), c_object.as_ptr(), &raw mut size, &raw mut time) };
            match check(code, "looking at object", &pool.path(&name)) {
                Ok(_) => Ok(Some((size, UNIX_EPOCH + Duration::from_secs(u64::try_from(time).unwrap_or(0))))),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Writes a whole object, in place of one that exists.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn write_object(&self, name: &str, data: Vec<u8>) -> Result<()> {
        let (pool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let c_object = c_name(&name, "writing object")?;
            // SAFETY: a live context, a valid C string, and `data` outlives the synchronous call.
            let code = unsafe { rados_write_full(pool.raw(), c_object.as_ptr(), data.as_ptr().cast(), data.len()) };
            check(code, "writing object", &pool.path(&name)).map(drop)
        })
        .await
    }

    /// Removes an object. Returns whether there was one.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn remove_object(&self, name: &str) -> Result<bool> {
        let (pool, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let c_object = c_name(&name, "removing object")?;
            // SAFETY: a live context and a valid C string.
            let code = unsafe { rados_remove(pool.raw(), c_object.as_ptr()) };
            match check(code, "removing object", &pool.path(&name)) {
                Ok(_) => Ok(true),
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The names of all objects of the pool's default namespace that begin with `prefix`. For tests and repair, not
    /// for daily work: it walks the whole pool.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn objects(&self, prefix: &str) -> Result<Vec<String>> {
        let (pool, prefix) = (self.clone(), prefix.to_owned());
        blocking(move || {
            let mut list: rados_list_ctx_t = std::ptr::null_mut();
            // SAFETY: a live context and a place for the listing.
            let code = unsafe { rados_nobjects_list_open(pool.raw(), &raw mut list) };
            check(code, "listing the objects of", pool.name())?;
            let mut names = Vec::new();
            let end = loop {
                let mut entry: *mut std::ffi::c_char = std::ptr::null_mut();
                // SAFETY: librados writes one pointer to a C string that it owns until the next call; the
                // declaration's extra indirection is the crate's, the C type is `const char **`.
                let code = unsafe {
                    rados_nobjects_list_next(list, (&raw mut entry).cast(), std::ptr::null_mut(), std::ptr::null_mut())
                };
                if code < 0 {
                    break code;
                }
                // SAFETY: filled by the successful call above.
                let name = unsafe { std::ffi::CStr::from_ptr(entry) };
                if name.to_bytes().starts_with(prefix.as_bytes()) {
                    names.push(name.to_string_lossy().into_owned());
                }
            };
            // SAFETY: opened above, closed once.
            unsafe { rados_nobjects_list_close(list) };
            if end == -libc::ENOENT {
                Ok(names)
            } else {
                Err(Error::new("listing the objects of", pool.name(), end.into()))
            }
        })
        .await
    }
}

/// Options for making an image, freed when dropped.
struct CreateOptions {
    raw: sys::rbd_image_options_t,
}

impl CreateOptions {
    fn new(features: Option<Features>, order: Option<u8>, path: &str) -> Result<Self> {
        let mut raw: sys::rbd_image_options_t = std::ptr::null_mut();
        // SAFETY: a place for the options; librbd allocates them.
        unsafe { sys::rbd_image_options_create(&raw mut raw) };
        let options = Self { raw };
        if let Some(Features(mask)) = features {
            options.set(sys::RBD_IMAGE_OPTION_FEATURES, mask, path)?;
        }
        if let Some(order) = order {
            options.set(sys::RBD_IMAGE_OPTION_ORDER, u64::from(order), path)?;
        }
        Ok(options)
    }

    fn set(&self, option: libc::c_int, value: u64, path: &str) -> Result<()> {
        // SAFETY: live options.
        let code = unsafe { sys::rbd_image_options_set_uint64(self.raw, option, value) };
        check(code, "choosing the features of image", path).map(drop)
    }
}

impl Drop for CreateOptions {
    fn drop(&mut self) {
        // SAFETY: made in `new`, destroyed once.
        unsafe { sys::rbd_image_options_destroy(self.raw) };
    }
}
