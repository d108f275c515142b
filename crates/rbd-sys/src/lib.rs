//! The C declarations of librbd that Cindervault calls, and of the few librados calls that the `ceph` crate lacks.
//!
//! Exactly what is used, written by hand, and compared with the installed headers by the `systest` package
//! beside this crate (sizes, offsets, constants and signatures). All other librados declarations come from
//! [`ceph::rados`], whose linkage this crate relies on. Nothing here is safe to call; the `rbd` crate is.
#![expect(unsafe_code, reason = "declarations of a C library")]
#![expect(non_camel_case_types, reason = "C's own names")]

use libc::{c_char, c_int, c_void, size_t, ssize_t, time_t, timespec};

pub use ceph::rados::{rados_ioctx_t, rados_t};

/// An open image.
pub type rbd_image_t = *mut c_void;
/// Options for creating an image.
pub type rbd_image_options_t = *mut c_void;
/// An asynchronous operation under way.
pub type rbd_completion_t = *mut c_void;
/// Called when an asynchronous operation has ended, on one of librbd's threads.
pub type rbd_callback_t = Option<unsafe extern "C" fn(cb: rbd_completion_t, arg: *mut c_void)>;
/// Called as a long operation goes on; a negative answer stops it.
pub type librbd_progress_fn_t = Option<unsafe extern "C" fn(offset: u64, total: u64, ptr: *mut c_void) -> c_int>;
/// Called for every extent of a diff; a negative answer stops it.
pub type rbd_diff_callback_t =
    Option<unsafe extern "C" fn(offset: u64, len: size_t, exists: c_int, arg: *mut c_void) -> c_int>;
/// `rbd_snap_namespace_type_t`.
pub type rbd_snap_namespace_type_t = u32;

/// A snapshot as `rbd_snap_list` gives it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct rbd_snap_info_t {
    /// The snapshot's id; a later snapshot of the same image has a greater one.
    pub id: u64,
    /// The image's size at the time of the snapshot, in bytes.
    pub size: u64,
    /// The name, owned by librbd until `rbd_snap_list_end`.
    pub name: *const c_char,
}

/// An image's id and name, owned by librbd until `rbd_image_spec_list_cleanup`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct rbd_image_spec_t {
    /// The internal id.
    pub id: *mut c_char,
    /// The name.
    pub name: *mut c_char,
}

/// Who moved an image to the trash: `rbd_trash_image_source_t`.
pub type rbd_trash_image_source_t = u32;
/// The removal of the image, which goes by way of the trash.
pub const RBD_TRASH_IMAGE_SOURCE_REMOVING: rbd_trash_image_source_t = 3;

/// An image in the trash, owned by librbd until `rbd_trash_list_cleanup`, or `rbd_trash_get_cleanup`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct rbd_trash_image_info_t {
    /// The internal id, by which it is restored or removed.
    pub id: *mut c_char,
    /// The name that it had.
    pub name: *mut c_char,
    /// Who moved it there.
    pub source: rbd_trash_image_source_t,
    /// When it was moved there.
    pub deletion_time: time_t,
    /// Until when it is kept.
    pub deferment_end_time: time_t,
}

/// What `rbd_stat` tells.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct rbd_image_info_t {
    /// The image's size in bytes.
    pub size: u64,
    /// The size of one object in bytes.
    pub obj_size: u64,
    /// The number of objects of the image.
    pub num_objs: u64,
    /// The object size as a power of two.
    pub order: c_int,
    /// Deprecated.
    pub block_name_prefix: [c_char; 24],
    /// Deprecated.
    pub parent_pool: i64,
    /// Deprecated.
    pub parent_name: [c_char; 96],
}

/// Image option: the feature mask.
pub const RBD_IMAGE_OPTION_FEATURES: c_int = 1;
/// Image option: the object size as a power of two.
pub const RBD_IMAGE_OPTION_ORDER: c_int = 2;

/// Feature bit: layering.
pub const RBD_FEATURE_LAYERING: u64 = 1;
/// Feature bit: exclusive lock.
pub const RBD_FEATURE_EXCLUSIVE_LOCK: u64 = 4;
/// Feature bit: object map.
pub const RBD_FEATURE_OBJECT_MAP: u64 = 8;
/// Feature bit: fast diff.
pub const RBD_FEATURE_FAST_DIFF: u64 = 16;
/// Feature bit: deep flatten.
pub const RBD_FEATURE_DEEP_FLATTEN: u64 = 32;

/// The snapshot was made by a user (not by a group, the trash or mirroring).
pub const RBD_SNAP_NAMESPACE_TYPE_USER: rbd_snap_namespace_type_t = 0;
/// The snapshot is being removed, or waits for the last clone of it to go.
pub const RBD_SNAP_NAMESPACE_TYPE_TRASH: rbd_snap_namespace_type_t = 2;

/// Operation flag: part of a sequential run.
pub const LIBRADOS_OP_FLAG_FADVISE_SEQUENTIAL: c_int = 0x8;
/// Operation flag: will not be needed again soon.
pub const LIBRADOS_OP_FLAG_FADVISE_DONTNEED: c_int = 0x20;
/// Operation flag: do not cache.
pub const LIBRADOS_OP_FLAG_FADVISE_NOCACHE: c_int = 0x40;

// `librbd` is linked by build.rs; `librados` by the `ceph` crate.
#[expect(missing_docs, reason = "librbd.h documents them; the rbd crate says what we rely on")]
unsafe extern "C" {
    pub fn rbd_version(major: *mut c_int, minor: *mut c_int, extra: *mut c_int);

    pub fn rbd_image_options_create(opts: *mut rbd_image_options_t);
    pub fn rbd_image_options_destroy(opts: rbd_image_options_t);
    pub fn rbd_image_options_set_uint64(opts: rbd_image_options_t, optname: c_int, optval: u64) -> c_int;

    pub fn rbd_list2(io: rados_ioctx_t, images: *mut rbd_image_spec_t, max_images: *mut size_t) -> c_int;
    pub fn rbd_image_spec_list_cleanup(images: *mut rbd_image_spec_t, num_images: size_t);
    pub fn rbd_create4(io: rados_ioctx_t, name: *const c_char, size: u64, opts: rbd_image_options_t) -> c_int;
    pub fn rbd_clone3(
        p_ioctx: rados_ioctx_t,
        p_name: *const c_char,
        p_snapname: *const c_char,
        c_ioctx: rados_ioctx_t,
        c_name: *const c_char,
        c_opts: rbd_image_options_t,
    ) -> c_int;
    pub fn rbd_remove(io: rados_ioctx_t, name: *const c_char) -> c_int;
    pub fn rbd_trash_move(io: rados_ioctx_t, name: *const c_char, delay: u64) -> c_int;
    pub fn rbd_trash_get(io: rados_ioctx_t, id: *const c_char, info: *mut rbd_trash_image_info_t) -> c_int;
    pub fn rbd_trash_get_cleanup(info: *mut rbd_trash_image_info_t);
    pub fn rbd_trash_list(
        io: rados_ioctx_t,
        trash_entries: *mut rbd_trash_image_info_t,
        num_entries: *mut size_t,
    ) -> c_int;
    pub fn rbd_trash_remove(io: rados_ioctx_t, id: *const c_char, force: bool) -> c_int;
    pub fn rbd_trash_list_cleanup(trash_entries: *mut rbd_trash_image_info_t, num_entries: size_t);

    pub fn rbd_open(io: rados_ioctx_t, name: *const c_char, image: *mut rbd_image_t, snap_name: *const c_char)
    -> c_int;
    pub fn rbd_open_read_only(
        io: rados_ioctx_t,
        name: *const c_char,
        image: *mut rbd_image_t,
        snap_name: *const c_char,
    ) -> c_int;
    pub fn rbd_open_by_id_read_only(
        io: rados_ioctx_t,
        id: *const c_char,
        image: *mut rbd_image_t,
        snap_name: *const c_char,
    ) -> c_int;
    pub fn rbd_close(image: rbd_image_t) -> c_int;
    pub fn rbd_resize2(
        image: rbd_image_t,
        size: u64,
        allow_shrink: bool,
        cb: librbd_progress_fn_t,
        cbdata: *mut c_void,
    ) -> c_int;
    pub fn rbd_stat(image: rbd_image_t, info: *mut rbd_image_info_t, infosize: size_t) -> c_int;
    pub fn rbd_get_size(image: rbd_image_t, size: *mut u64) -> c_int;
    pub fn rbd_get_features(image: rbd_image_t, features: *mut u64) -> c_int;
    pub fn rbd_get_stripe_unit(image: rbd_image_t, stripe_unit: *mut u64) -> c_int;
    pub fn rbd_get_stripe_count(image: rbd_image_t, stripe_count: *mut u64) -> c_int;
    pub fn rbd_get_overlap(image: rbd_image_t, overlap: *mut u64) -> c_int;
    pub fn rbd_get_id(image: rbd_image_t, id: *mut c_char, id_len: size_t) -> c_int;
    pub fn rbd_get_create_timestamp(image: rbd_image_t, timestamp: *mut timespec) -> c_int;
    pub fn rbd_list_lockers(
        image: rbd_image_t,
        exclusive: *mut c_int,
        tag: *mut c_char,
        tag_len: *mut size_t,
        clients: *mut c_char,
        clients_len: *mut size_t,
        cookies: *mut c_char,
        cookies_len: *mut size_t,
        addrs: *mut c_char,
        addrs_len: *mut size_t,
    ) -> ssize_t;
    pub fn rbd_flatten(image: rbd_image_t) -> c_int;

    pub fn rbd_snap_list(image: rbd_image_t, snaps: *mut rbd_snap_info_t, max_snaps: *mut c_int) -> c_int;
    pub fn rbd_snap_list_end(snaps: *mut rbd_snap_info_t);
    pub fn rbd_snap_create2(
        image: rbd_image_t,
        snap_name: *const c_char,
        flags: u32,
        cb: librbd_progress_fn_t,
        cbdata: *mut c_void,
    ) -> c_int;
    pub fn rbd_snap_set(image: rbd_image_t, snapname: *const c_char) -> c_int;
    pub fn rbd_snap_remove(image: rbd_image_t, snapname: *const c_char) -> c_int;
    pub fn rbd_snap_remove_by_id(image: rbd_image_t, snap_id: u64) -> c_int;
    pub fn rbd_snap_get_trash_namespace(
        image: rbd_image_t,
        snap_id: u64,
        original_name: *mut c_char,
        max_length: size_t,
    ) -> c_int;
    pub fn rbd_snap_rollback(image: rbd_image_t, snapname: *const c_char) -> c_int;
    pub fn rbd_snap_protect(image: rbd_image_t, snap_name: *const c_char) -> c_int;
    pub fn rbd_snap_unprotect(image: rbd_image_t, snap_name: *const c_char) -> c_int;
    pub fn rbd_snap_is_protected(image: rbd_image_t, snap_name: *const c_char, is_protected: *mut c_int) -> c_int;
    pub fn rbd_snap_get_timestamp(image: rbd_image_t, snap_id: u64, timestamp: *mut timespec) -> c_int;
    pub fn rbd_snap_get_namespace_type(
        image: rbd_image_t,
        snap_id: u64,
        namespace_type: *mut rbd_snap_namespace_type_t,
    ) -> c_int;

    pub fn rbd_diff_iterate2(
        image: rbd_image_t,
        fromsnapname: *const c_char,
        ofs: u64,
        len: u64,
        include_parent: u8,
        whole_object: u8,
        cb: rbd_diff_callback_t,
        arg: *mut c_void,
    ) -> c_int;

    pub fn rbd_aio_create_completion(
        cb_arg: *mut c_void,
        complete_cb: rbd_callback_t,
        c: *mut rbd_completion_t,
    ) -> c_int;
    pub fn rbd_aio_get_return_value(c: rbd_completion_t) -> ssize_t;
    pub fn rbd_aio_release(c: rbd_completion_t);
    pub fn rbd_aio_read2(
        image: rbd_image_t,
        off: u64,
        len: size_t,
        buf: *mut c_char,
        c: rbd_completion_t,
        op_flags: c_int,
    ) -> c_int;
    pub fn rbd_aio_write2(
        image: rbd_image_t,
        off: u64,
        len: size_t,
        buf: *const c_char,
        c: rbd_completion_t,
        op_flags: c_int,
    ) -> c_int;
    pub fn rbd_aio_write_zeroes(
        image: rbd_image_t,
        off: u64,
        len: size_t,
        c: rbd_completion_t,
        zero_flags: c_int,
        op_flags: c_int,
    ) -> c_int;
    pub fn rbd_aio_discard(image: rbd_image_t, off: u64, len: u64, c: rbd_completion_t) -> c_int;
    pub fn rbd_aio_flush(image: rbd_image_t, c: rbd_completion_t) -> c_int;

    pub fn rbd_metadata_get(image: rbd_image_t, key: *const c_char, value: *mut c_char, val_len: *mut size_t) -> c_int;
    pub fn rbd_metadata_set(image: rbd_image_t, key: *const c_char, value: *const c_char) -> c_int;
    pub fn rbd_metadata_remove(image: rbd_image_t, key: *const c_char) -> c_int;
    pub fn rbd_metadata_list(
        image: rbd_image_t,
        start: *const c_char,
        max: u64,
        keys: *mut c_char,
        key_len: *mut size_t,
        values: *mut c_char,
        vals_len: *mut size_t,
    ) -> c_int;

    // lets operations on a full pool or cluster fail (ENOSPC, EDQUOT) instead of blocking without end
    pub fn rados_set_pool_full_try(io: rados_ioctx_t);

    // the answer is allocated, and freed by rados_buffer_free
    pub fn rados_getaddrs(cluster: rados_t, addrs: *mut *mut c_char) -> c_int;
    pub fn rados_blocklist_add(cluster: rados_t, client_address: *mut c_char, expire_seconds: u32) -> c_int;
}
