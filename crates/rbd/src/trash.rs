//! A pool's trash.

use std::ffi::CStr;

use rbd_sys as sys;

use crate::error::{Result, blocking, check};
use crate::pool::Pool;

/// An image in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trashed {
    /// Its internal id, by which `rbd trash` knows it.
    pub id: String,
    /// The name that it had.
    pub name: String,
}

impl Pool {
    /// The images in the pool's trash.
    ///
    /// # Errors
    /// The caps do not allow it, or Ceph failed.
    pub async fn trash(&self) -> Result<Vec<Trashed>> {
        let pool = self.clone();
        blocking(move || {
            let mut room = 64;
            loop {
                let empty = sys::rbd_trash_image_info_t {
                    id: std::ptr::null_mut(),
                    name: std::ptr::null_mut(),
                    source: 0,
                    deletion_time: 0,
                    deferment_end_time: 0,
                };
                let mut entries = vec![empty; room];
                // SAFETY: `entries` has `room` places; librbd fills at most that many and says how many.
                let code = unsafe { sys::rbd_trash_list(pool.raw(), entries.as_mut_ptr(), &raw mut room) };
                if code == -libc::ERANGE {
                    room = room.max(entries.len() * 2);
                    continue;
                }
                check(code, "listing the trash of", pool.name())?;
                let text = |raw| {
                    // SAFETY: a filled entry's texts are C strings owned by librbd until the clean-up below.
                    unsafe { CStr::from_ptr(raw) }.to_string_lossy().into_owned()
                };
                let found =
                    entries[..room].iter().map(|one| Trashed { id: text(one.id), name: text(one.name) }).collect();
                // SAFETY: frees exactly the filled entries, once.
                unsafe { sys::rbd_trash_list_cleanup(entries.as_mut_ptr(), room) };
                return Ok(found);
            }
        })
        .await
    }
}
