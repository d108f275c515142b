//! The raw handle of an open image, and how it is closed.

use std::sync::{Condvar, Mutex, Once, PoisonError};
use std::time::Duration;

use rbd_sys as sys;
use tokio::sync::oneshot;

use crate::pool::Pool;

/// An open image. Whoever uses `raw` holds an `Arc` of this; dropping the last one closes the image.
pub(crate) struct ImageHandle {
    pub(crate) raw: sys::rbd_image_t,
    /// `pool/image` or `pool/image@snapshot`, for messages.
    pub(crate) path: String,
    // keeps pool and cluster alive until the image is closed
    pub(crate) pool: Pool,
    /// Told when the image has been closed, for those who must wait for it.
    pub(crate) closed: std::sync::Mutex<Option<oneshot::Sender<()>>>,
}

// SAFETY: librbd's image handle may be used from several threads at once (librbd.h); closing happens in
// `drop`, when nobody else has it.
unsafe impl Send for ImageHandle {}
// SAFETY: as above.
unsafe impl Sync for ImageHandle {}

/// How many closing threads run, and who waits for them.
static CLOSING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// How long the end of the process waits for them.
const EXIT_WAIT: Duration = Duration::from_secs(10);

/// Called when the process exits, before librbd's own statics go: a close that is still running then would
/// find them gone and abort the process.
extern "C" fn wait_for_closings() {
    let (count, ended) = &CLOSING;
    let running = count.lock().unwrap_or_else(PoisonError::into_inner);
    // whether they ended or the time did, the process exits
    drop(ended.wait_timeout_while(running, EXIT_WAIT, |running| *running > 0));
}

/// Counts one closing thread for as long as it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        static AT_EXIT: Once = Once::new();
        AT_EXIT.call_once(|| {
            // SAFETY: a function without arguments that does not unwind. Where it can not be registered, the
            // process exits as it would without it.
            unsafe { libc::atexit(wait_for_closings) };
        });
        *CLOSING.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        *CLOSING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        CLOSING.1.notify_all();
    }
}

/// What the closing thread takes along.
struct Closing {
    raw: sys::rbd_image_t,
    path: String,
    _pool: Pool,
    closed: Option<oneshot::Sender<()>>,
}

// SAFETY: the only holder of the raw image, moved as a whole to the thread that closes it.
unsafe impl Send for Closing {}

impl Closing {
    fn run(self) {
        // SAFETY: an open image that nobody else holds; closed once.
        let code = unsafe { sys::rbd_close(self.raw) };
        if code < 0 {
            tracing::warn!(image = %self.path, errno = -code, "closing an image failed");
        }
        if let Some(closed) = self.closed {
            // the one who waited may have gone
            let _ = closed.send(());
        }
    }
}

impl Drop for ImageHandle {
    fn drop(&mut self) {
        let closed = self.closed.get_mut().map_or(None, Option::take);
        let closing = Closing { raw: self.raw, path: std::mem::take(&mut self.path), _pool: self.pool.clone(), closed };
        // rbd_close waits for operations under way, whose callbacks may be what dropped us: never close here
        let slot = std::sync::Arc::new(std::sync::Mutex::new(Some(closing)));
        let mine = slot.clone();
        let take = |slot: &std::sync::Mutex<Option<Closing>>| slot.lock().map_or(None, |mut held| held.take());
        let counted = Counted::new();
        let spawned = std::thread::Builder::new().name("rbd-close".to_owned()).spawn(move || {
            // dropped last: after the image is closed and its pool and cluster are let go
            let _counted = counted;
            if let Some(closing) = take(&mine) {
                closing.run();
            }
        });
        if spawned.is_err() {
            // no thread to be had: leaving the image open until the process ends is better than a deadlock
            if let Some(mut closing) = take(&slot) {
                drop(closing.closed.take()); // whoever waits for the end of it must not wait for ever
                tracing::error!(image = %closing.path, "no thread to close an image; it stays open");
                std::mem::forget(closing);
            }
        }
    }
}
