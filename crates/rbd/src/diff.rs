//! What changed in an image between two points in time.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use rbd_sys as sys;

use crate::error::{Result, blocking, c_name, check};
use crate::image::Image;

/// A range of an image, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where it starts.
    pub offset: u64,
    /// How long it is; never 0.
    pub len: u64,
}

impl Extent {
    /// The first byte behind it.
    pub fn end(self) -> u64 {
        self.offset + self.len
    }
}

/// A range that differs between two points in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Where it is.
    pub extent: Extent,
    /// Whether there is data at the later point; else it has become a hole.
    pub exists: bool,
}

/// How a diff is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DiffMode {
    /// By asking every object for its snapshots: byte-precise, and right whatever wrote the image.
    #[default]
    Precise,
    /// By object maps: whole objects, fast, and only as right as the maps are (format spec 7.2).
    WholeObject,
}

/// What the callback works on.
struct Walk {
    found: Vec<Difference>,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn visit(offset: u64, len: libc::size_t, exists: libc::c_int, arg: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the pointer given to the call below, on whose stack the walk lives; librbd calls one at a time.
    let walk = unsafe { &mut *arg.cast::<Walk>() };
    let pushed = catch_unwind(AssertUnwindSafe(|| {
        if len > 0 {
            walk.found.push(Difference { extent: Extent { offset, len: len as u64 }, exists: exists != 0 });
        }
    }));
    match pushed {
        Ok(()) => 0,
        Err(panic) => {
            walk.panic = Some(panic);
            -libc::ECANCELED
        }
    }
}

impl Image {
    /// The extents of `range` that may differ between the snapshot `from` (`None`: the beginning of time, when
    /// everything was a hole) and the point that this handle was opened at, in ascending order. An extent that
    /// has become a hole is among them.
    ///
    /// With `include_parent`, data that a clone has from its parent counts as its own.
    ///
    /// The extents of one call are held in memory: keep `range` to some hundred objects.
    ///
    /// # Errors
    /// There is no snapshot `from`, it is later than the handle's point, or Ceph failed.
    pub async fn diff(
        &self,
        from: Option<&str>,
        range: Range<u64>,
        include_parent: bool,
        mode: DiffMode,
    ) -> Result<Vec<Extent>> {
        let found = self.differences(from, range, include_parent, mode).await?;
        Ok(found.into_iter().map(|difference| difference.extent).collect())
    }

    /// As [`Self::diff`], with whether there is data.
    ///
    /// # Errors
    /// As for [`Self::diff`].
    pub async fn differences(
        &self,
        from: Option<&str>,
        range: Range<u64>,
        include_parent: bool,
        mode: DiffMode,
    ) -> Result<Vec<Difference>> {
        let (handle, from) = (self.handle.clone(), from.map(str::to_owned));
        blocking(move || {
            let c_from = from.map(|name| c_name(&name, "comparing")).transpose()?;
            let mut walk = Walk { found: Vec::new(), panic: None };
            // SAFETY: a live image, a valid C string or null, and a walk that outlives this synchronous call.
            let code = unsafe {
                sys::rbd_diff_iterate2(
                    handle.raw,
                    c_from.as_ref().map_or(std::ptr::null(), |name| name.as_ptr()),
                    range.start,
                    range.end.saturating_sub(range.start),
                    u8::from(include_parent),
                    u8::from(mode == DiffMode::WholeObject),
                    Some(visit),
                    (&raw mut walk).cast(),
                )
            };
            if let Some(panic) = walk.panic {
                resume_unwind(panic);
            }
            check(code, "comparing", &handle.path)?;
            // librbd promises order only for some modes and releases; ours is a promise
            if !walk.found.is_sorted_by_key(|found| found.extent.offset) {
                walk.found.sort_unstable_by_key(|found| found.extent.offset);
            }
            Ok(walk.found)
        })
        .await
    }
}
