//! A pool's trash.

use std::collections::HashSet;
use std::ffi::CStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ceph::rados::rados_exec;
use rbd_sys as sys;

use crate::error::{Errno, Result, blocking, c_name, check};
use crate::image::Image;
use crate::pool::Pool;

/// An image in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trashed {
    /// Its internal id, by which `rbd trash` knows it.
    pub id: String,
    /// The name that it had.
    pub name: String,
    /// When it was moved there.
    pub moved_at: SystemTime,
    /// Until when it is kept: before, it is removed only by force.
    pub kept_until: SystemTime,
    /// Whether a removal of the image brought it there, which goes on or was cut short, and nobody who wanted to keep it.
    pub removing: bool,
}

impl Pool {
    /// Opens an image that is in the trash, by its id, for reading.
    ///
    /// # Errors
    /// There is none, or Ceph failed.
    pub async fn open_trashed(&self, id: &str) -> Result<Image> {
        Image::open_trashed(self.clone(), id).await
    }

    /// Removes an image that is in the trash, by its id. One that is being removed goes before its time, too, and also
    /// where whoever began with it did not get as far as to record that it is in the trash.
    ///
    /// # Errors
    /// There is none, it is kept there for a time that has not passed, has snapshots or a watcher, its name still leads to
    /// it, or Ceph failed.
    pub async fn purge_image(&self, id: &str) -> Result<()> {
        let removing = self.trashed(vec![id.to_owned()]).await?.first().is_some_and(|one| one.removing);
        match self.remove_trashed(id, removing).await {
            Err(error) if removing && error.errno == Errno::UNCLEAN && self.listed(id).await? == 1 => {
                self.end_move(id).await?;
                self.remove_trashed(id, removing).await
            }
            ended => ended,
        }
    }

    async fn remove_trashed(&self, id: &str, force: bool) -> Result<()> {
        let (pool, id) = (self.clone(), id.to_owned());
        blocking(move || {
            let c_id = c_name(&id, "removing from the trash image")?;
            // SAFETY: a live context and a valid C string.
            let code = unsafe { sys::rbd_trash_remove(pool.raw(), c_id.as_ptr(), force) };
            check(code, "removing from the trash image", &pool.path(&id)).map(drop)
        })
        .await
    }

    /// How often an image that is being removed is listed: twice while its name still leads to it, then once.
    async fn listed(&self, id: &str) -> Result<usize> {
        Ok(self.image_specs().await?.iter().filter(|(listed, _)| listed == id).count())
    }

    /// Records that an image has been moved to the trash, which librbd does last, and of which it takes no other end.
    async fn end_move(&self, id: &str) -> Result<()> {
        const MOVED: u8 = 0;
        const MOVING: u8 = 1;
        let (pool, id) = (self.clone(), id.to_owned());
        blocking(move || {
            // as Ceph encodes a text and two small enumerations: what it becomes, and what it must be now
            let length = u32::try_from(id.len()).unwrap_or(u32::MAX);
            let input = [&length.to_le_bytes()[..], id.as_bytes(), &[MOVED, MOVING]].concat();
            // SAFETY: a live context, valid C strings, as many bytes as are said to be, and no room for an answer.
            let code = unsafe {
                rados_exec(
                    pool.raw(),
                    c"rbd_trash".as_ptr(),
                    c"rbd".as_ptr(),
                    c"trash_state_set".as_ptr(),
                    input.as_ptr().cast(),
                    input.len(),
                    std::ptr::null_mut(),
                    0,
                )
            };
            check(code, "ending the move to the trash of image", &pool.path(&id)).map(drop)
        })
        .await
    }

    /// The images in the pool's trash, also those that are being removed, or whose removal was cut short. librbd lists these
    /// with the pool's images, so that each of them is asked for.
    ///
    /// # Errors
    /// The caps do not allow it, or Ceph failed.
    pub async fn trash(&self) -> Result<Vec<Trashed>> {
        let mut found = self.kept_in_trash().await?;
        let known: HashSet<String> = found.iter().map(|one| one.id.clone()).collect();
        let (mut once, mut twice) = (HashSet::new(), HashSet::new());
        for (id, _) in self.image_specs().await? {
            if !once.insert(id.clone()) {
                twice.insert(id); // its name leads to it, and whoever began to remove it goes on by that
            }
        }
        let others = once.into_iter().filter(|id| !known.contains(id) && !twice.contains(id)).collect();
        found.extend(self.trashed(others).await?);
        Ok(found)
    }

    /// Whether an image is in the pool's trash, whoever moved it there.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn is_trashed(&self, id: &str) -> Result<bool> {
        Ok(!self.trashed(vec![id.to_owned()]).await?.is_empty())
    }

    /// What librbd calls the trash.
    async fn kept_in_trash(&self) -> Result<Vec<Trashed>> {
        let pool = self.clone();
        blocking(move || {
            let mut room = 64;
            loop {
                let mut entries = vec![EMPTY; room];
                // SAFETY: `entries` has `room` places; librbd fills at most that many and says how many.
                let code = unsafe { sys::rbd_trash_list(pool.raw(), entries.as_mut_ptr(), &raw mut room) };
                if code == -libc::ERANGE {
                    room = room.max(entries.len() * 2);
                    continue;
                }
                check(code, "listing the trash of", pool.name())?;
                // SAFETY: these entries were filled.
                let found = entries[..room].iter().map(|one| unsafe { told(one) }).collect();
                // SAFETY: frees exactly the filled entries, once.
                unsafe { sys::rbd_trash_list_cleanup(entries.as_mut_ptr(), room) };
                return Ok(found);
            }
        })
        .await
    }

    /// Those of these images that are in the trash, whoever moved them there.
    async fn trashed(&self, ids: Vec<String>) -> Result<Vec<Trashed>> {
        let pool = self.clone();
        blocking(move || {
            let mut found = Vec::new();
            for id in ids {
                let c_id = c_name(&id, "looking in the trash for image")?;
                let mut entry = EMPTY;
                // SAFETY: a live context, a valid C string, and a place for one entry.
                let code = unsafe { sys::rbd_trash_get(pool.raw(), c_id.as_ptr(), &raw mut entry) };
                match check(code, "looking in the trash for image", &pool.path(&id)) {
                    // SAFETY: the entry was filled.
                    Ok(_) => found.push(unsafe { told(&entry) }),
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(error),
                }
                // SAFETY: frees what was filled, once.
                unsafe { sys::rbd_trash_get_cleanup(&raw mut entry) };
            }
            Ok(found)
        })
        .await
    }
}

const EMPTY: sys::rbd_trash_image_info_t = sys::rbd_trash_image_info_t {
    id: std::ptr::null_mut(),
    name: std::ptr::null_mut(),
    source: 0,
    deletion_time: 0,
    deferment_end_time: 0,
};

/// A copy of an entry.
///
/// # Safety
/// librbd has filled it, and it was not cleaned up yet.
unsafe fn told(entry: &sys::rbd_trash_image_info_t) -> Trashed {
    let text = |raw| {
        // SAFETY: a filled entry's texts are C strings.
        unsafe { CStr::from_ptr(raw) }.to_string_lossy().into_owned()
    };
    let time = |at: libc::time_t| UNIX_EPOCH + Duration::from_secs(at.try_into().unwrap_or(0));
    Trashed {
        id: text(entry.id),
        name: text(entry.name),
        moved_at: time(entry.deletion_time),
        kept_until: time(entry.deferment_end_time),
        removing: entry.source == sys::RBD_TRASH_IMAGE_SOURCE_REMOVING,
    }
}
