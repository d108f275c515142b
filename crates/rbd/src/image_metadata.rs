//! The image's own metadata: texts under keys, kept in its header and removed with it.

use rbd_sys as sys;

use crate::error::{Result, blocking, c_name, check};
use crate::handle::ImageHandle;
use crate::image::Image;

/// How many keys one call lists.
const PAGE: u64 = 64;

impl Image {
    /// A value of the image's own metadata; `None` when the key is not there.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn metadata(&self, key: &str) -> Result<Option<String>> {
        let (handle, key) = (self.handle.clone(), key.to_owned());
        blocking(move || {
            let c_key = c_name(&key, "reading metadata of")?;
            let mut room = 4096;
            loop {
                let mut value = vec![0_u8; room];
                // SAFETY: a live image, a valid C string, and a buffer of `room` bytes.
                let code = unsafe {
                    sys::rbd_metadata_get(handle.raw, c_key.as_ptr(), value.as_mut_ptr().cast(), &raw mut room)
                };
                if code == -libc::ERANGE && room > value.len() {
                    continue; // `room` now says how much is needed
                }
                return match check(code, "reading metadata of", &handle.path) {
                    Ok(_) => {
                        let len = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
                        value.truncate(len);
                        Ok(Some(String::from_utf8_lossy(&value).into_owned()))
                    }
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error),
                };
            }
        })
        .await
    }

    /// Sets a value of the image's own metadata.
    ///
    /// # Errors
    /// The image is open only for reading, or Ceph failed.
    pub async fn set_metadata(&self, key: &str, value: &str) -> Result<()> {
        let (handle, key, value) = (self.handle.clone(), key.to_owned(), value.to_owned());
        blocking(move || {
            let what = "writing metadata of";
            let (c_key, c_value) = (c_name(&key, what)?, c_name(&value, what)?);
            // SAFETY: a live image and valid C strings.
            let code = unsafe { sys::rbd_metadata_set(handle.raw, c_key.as_ptr(), c_value.as_ptr()) };
            check(code, what, &handle.path).map(drop)
        })
        .await
    }

    /// Removes a value of the image's own metadata. One that is not there counts as removed.
    ///
    /// # Errors
    /// The image is open only for reading, or Ceph failed.
    pub async fn remove_metadata(&self, key: &str) -> Result<()> {
        let (handle, key) = (self.handle.clone(), key.to_owned());
        blocking(move || {
            let what = "removing metadata of";
            let c_key = c_name(&key, what)?;
            // SAFETY: a live image and a valid C string.
            let code = unsafe { sys::rbd_metadata_remove(handle.raw, c_key.as_ptr()) };
            match check(code, what, &handle.path) {
                Err(error) if !error.is_not_found() => Err(error),
                _ => Ok(()),
            }
        })
        .await
    }

    /// The keys of the image's own metadata that begin with `prefix`, in order.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn metadata_keys(&self, prefix: &str) -> Result<Vec<String>> {
        let (handle, prefix) = (self.handle.clone(), prefix.to_owned());
        blocking(move || {
            let mut found = Vec::new();
            // the list begins behind the key that it is given; a prefix itself is no key of ours
            let mut start = prefix.clone();
            loop {
                let page = list(&handle, &start)?;
                let Some(last) = page.last() else { return Ok(found) };
                start.clone_from(last);
                let full = page.len() as u64 == PAGE;
                let before = found.len();
                found.extend(page.into_iter().filter(|key| key.starts_with(&prefix)));
                if !full || found.len() == before {
                    return Ok(found);
                }
            }
        })
        .await
    }
}

/// One page of keys, those behind `start`.
fn list(handle: &ImageHandle, start: &str) -> Result<Vec<String>> {
    let what = "listing the metadata of";
    let c_start = c_name(start, what)?;
    let (mut keys_room, mut values_room) = (16 << 10, 64 << 10);
    loop {
        let (mut keys, mut values) = (vec![0_u8; keys_room], vec![0_u8; values_room]);
        // SAFETY: a live image, a valid C string, and two buffers with their lengths, which librbd fills or
        // answers with the lengths that it needs.
        let code = unsafe {
            sys::rbd_metadata_list(
                handle.raw,
                c_start.as_ptr(),
                PAGE,
                keys.as_mut_ptr().cast(),
                &raw mut keys_room,
                values.as_mut_ptr().cast(),
                &raw mut values_room,
            )
        };
        if code == -libc::ERANGE && (keys_room > keys.len() || values_room > values.len()) {
            // somebody may write more meanwhile
            (keys_room, values_room) = (keys_room + 1024, values_room + 4096);
            continue;
        }
        check(code, what, &handle.path)?;
        keys.truncate(keys_room.min(keys.len()));
        let keys = keys.split(|byte| *byte == 0).filter(|key| !key.is_empty());
        return Ok(keys.map(|key| String::from_utf8_lossy(key).into_owned()).collect());
    }
}
