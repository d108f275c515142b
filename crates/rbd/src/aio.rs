//! Asynchronous reads, writes, zeroes and flushes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use rbd_sys as sys;
use tokio::sync::oneshot;

use crate::error::{Error, Result, check};
use crate::handle::ImageHandle;
use crate::image::Image;

/// We pass over data once: neither librbd nor the OSD should keep it in a cache.
const READ_FLAGS: libc::c_int = sys::LIBRADOS_OP_FLAG_FADVISE_SEQUENTIAL | sys::LIBRADOS_OP_FLAG_FADVISE_NOCACHE;
const WRITE_FLAGS: libc::c_int = sys::LIBRADOS_OP_FLAG_FADVISE_SEQUENTIAL
    | sys::LIBRADOS_OP_FLAG_FADVISE_NOCACHE
    | sys::LIBRADOS_OP_FLAG_FADVISE_DONTNEED;

/// One operation under way. librbd holds the box; the callback takes it back.
struct Operation<T> {
    /// The memory that librbd reads from or writes to.
    memory: T,
    done: oneshot::Sender<(i64, T)>,
    /// Keeps the image open until the operation has ended.
    _image: Arc<ImageHandle>,
}

unsafe extern "C" fn completed<T>(completion: sys::rbd_completion_t, arg: *mut libc::c_void) {
    // SAFETY: `arg` is the box given at submission, and librbd calls back once.
    let operation = unsafe { Box::from_raw(arg.cast::<Operation<T>>()) };
    // SAFETY: a completion that is being reported; released once, here.
    let code = unsafe {
        let code = sys::rbd_aio_get_return_value(completion);
        sys::rbd_aio_release(completion);
        code
    };
    // sending wakes a task, which is code that we do not know: nothing may unwind into C
    let sent = catch_unwind(AssertUnwindSafe(move || {
        let Operation { memory, done, _image } = *operation;
        let _ = done.send((code as i64, memory)); // the one who waited may have gone
    }));
    if sent.is_err() {
        tracing::error!("a panic was caught in a completion of librbd");
    }
}

/// Submits an operation on `memory`, to which `submit` has a pointer of its own: the operation may have ended, and its box
/// be gone, before the call that submits it returns. The receiver hears of its end; what is sent back is librbd's return
/// code and the memory.
fn start<T>(
    handle: &Arc<ImageHandle>,
    what: &'static str,
    memory: T,
    submit: impl FnOnce(sys::rbd_image_t, sys::rbd_completion_t) -> libc::c_int,
) -> Result<oneshot::Receiver<(i64, T)>> {
    let (done, receiver) = oneshot::channel();
    // boxed before it is submitted, so that the memory has its final place
    let operation = Box::into_raw(Box::new(Operation { memory, done, _image: handle.clone() }));
    let mut completion: sys::rbd_completion_t = std::ptr::null_mut();
    // SAFETY: a place for the completion; the box stays valid until the callback takes it back.
    let code = unsafe { sys::rbd_aio_create_completion(operation.cast(), Some(completed::<T>), &raw mut completion) };
    if code < 0 {
        // SAFETY: librbd did not take it.
        drop(unsafe { Box::from_raw(operation) });
        return Err(Error::new(what, handle.path.clone(), code.into()));
    }
    let code = submit(handle.raw, completion);
    if code < 0 {
        // SAFETY: the submission was refused, so no callback comes: box and completion are ours again.
        unsafe {
            sys::rbd_aio_release(completion);
            drop(Box::from_raw(operation));
        }
        return Err(Error::new(what, handle.path.clone(), code.into()));
    }
    Ok(receiver)
}

async fn finish<T>(
    handle: &ImageHandle,
    what: &'static str,
    receiver: oneshot::Receiver<(i64, T)>,
) -> Result<(i64, T)> {
    match receiver.await {
        Ok((code, memory)) => check(code, what, &handle.path).map(|code| (code, memory)),
        // the callback always sends, unless a panic was caught in it
        Err(_) => Err(Error::new(what, handle.path.clone(), i64::from(libc::EIO))),
    }
}

impl Image {
    /// Reads `len` bytes at `offset`. Holes read as zeroes. What lies behind the image's end is not there:
    /// the answer is then shorter.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        const WHAT: &str = "reading";
        let receiver = {
            let mut memory = Vec::<u8>::with_capacity(len);
            let room = memory.as_mut_ptr(); // stays where it is when the vector is moved
            start(&self.handle, WHAT, memory, |image, completion| {
                // SAFETY: room for `len` bytes, owned by the operation until its end.
                unsafe { sys::rbd_aio_read2(image, offset, len, room.cast(), completion, READ_FLAGS) }
            })?
        };
        let (read, mut data) = finish(&self.handle, WHAT, receiver).await?;
        let read = usize::try_from(read).unwrap_or(0).min(len);
        // SAFETY: librbd has written `read` bytes (holes as zeroes), which is at most the capacity.
        unsafe { data.set_len(read) };
        Ok(data)
    }

    /// Writes `data` at `offset`. The bytes are not copied on the way to librbd. What reaches over the image's
    /// end is cut off there, without an error.
    ///
    /// # Errors
    /// The range begins behind the image's end, the image is open only for reading, the pool is full, this
    /// client was fenced off ([`crate::Errno::BLOCKLISTED`]), or Ceph failed.
    pub async fn write(&self, offset: u64, data: Bytes) -> Result<()> {
        const WHAT: &str = "writing";
        let receiver = {
            let (bytes, len) = (data.as_ptr(), data.len());
            start(&self.handle, WHAT, data, |image, completion| {
                // SAFETY: `data` is owned by the operation until its end.
                unsafe { sys::rbd_aio_write2(image, offset, len, bytes.cast(), completion, WRITE_FLAGS) }
            })?
        };
        finish(&self.handle, WHAT, receiver).await.map(drop)
    }

    /// Makes a range read as zeroes, exactly; whole objects in it are given back to the pool.
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub async fn write_zeroes(&self, offset: u64, len: u64) -> Result<()> {
        const WHAT: &str = "zeroing";
        let size = usize::try_from(len).map_err(|_| Error::new(WHAT, self.path(), i64::from(libc::EINVAL)))?;
        let receiver = start(&self.handle, WHAT, (), |image, completion| {
            // SAFETY: a live image and completion; no memory is involved.
            unsafe { sys::rbd_aio_write_zeroes(image, offset, size, completion, 0, 0) }
        })?;
        finish(&self.handle, WHAT, receiver).await.map(drop)
    }

    /// Gives a range back as a guest's discard does: librbd may leave unaligned edges as they were, so this
    /// is never a way to zero ([`Self::write_zeroes`] is).
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub async fn discard(&self, offset: u64, len: u64) -> Result<()> {
        const WHAT: &str = "discarding";
        let receiver = start(&self.handle, WHAT, (), |image, completion| {
            // SAFETY: a live image and completion; no memory is involved.
            unsafe { sys::rbd_aio_discard(image, offset, len, completion) }
        })?;
        finish(&self.handle, WHAT, receiver).await.map(drop)
    }

    /// Waits until everything written so far is on disk.
    ///
    /// # Errors
    /// Ceph failed.
    pub async fn flush(&self) -> Result<()> {
        const WHAT: &str = "flushing";
        let receiver = start(&self.handle, WHAT, (), |image, completion| {
            // SAFETY: a live image and completion; no memory is involved.
            unsafe { sys::rbd_aio_flush(image, completion) }
        })?;
        finish(&self.handle, WHAT, receiver).await.map(drop)
    }
}
