//! Who holds an image's lock.

use rbd_sys as sys;

use crate::error::{Result, blocking, check};
use crate::image::Image;

impl Image {
    /// The addresses of the clients that hold the image's lock, as the cluster knows them: none, or one.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn lockers(&self) -> Result<Vec<String>> {
        let handle = self.handle.clone();
        blocking(move || {
            let mut rooms = [256_usize; 4];
            loop {
                let mut texts = rooms.map(|room| vec![0_u8; room]);
                let mut exclusive = 0;
                let [tag, clients, cookies, addresses] = &mut texts;
                let [tag_len, clients_len, cookies_len, addresses_len] = &mut rooms;
                // SAFETY: a live image, and four buffers with their lengths, which librbd fills or answers with the
                // lengths that it needs.
                let code = unsafe {
                    sys::rbd_list_lockers(
                        handle.raw,
                        &raw mut exclusive,
                        tag.as_mut_ptr().cast(),
                        tag_len,
                        clients.as_mut_ptr().cast(),
                        clients_len,
                        cookies.as_mut_ptr().cast(),
                        cookies_len,
                        addresses.as_mut_ptr().cast(),
                        addresses_len,
                    )
                };
                if code == -(libc::ERANGE as isize) {
                    rooms = std::array::from_fn(|index| rooms[index].max(texts[index].len() * 2));
                    continue;
                }
                let count = check(code as i64, "looking for the lock of", &handle.path)?;
                let count = usize::try_from(count).unwrap_or(0);
                let found = texts[3].split(|byte| *byte == 0).take(count);
                return Ok(found.map(|text| String::from_utf8_lossy(text).into_owned()).collect());
            }
        })
        .await
    }
}
