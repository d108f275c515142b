//! What Ceph answers when it does not do as asked.

use std::fmt;

/// An error number as librados and librbd return it (positive here).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// No such object, image, snapshot or pool.
    pub const NOT_FOUND: Self = Self(libc::ENOENT);
    /// It exists already.
    pub const EXISTS: Self = Self(libc::EEXIST);
    /// In use: watched, protected, or cloned.
    pub const BUSY: Self = Self(libc::EBUSY);
    /// Somebody else keeps the image's lock for himself, or it was opened for reading.
    pub const READ_ONLY: Self = Self(libc::EROFS);
    /// What is there can not be read, or what is asked for can not be done.
    pub const IO: Self = Self(libc::EIO);
    /// The image is on its way to the trash.
    pub const UNCLEAN: Self = Self(libc::EUCLEAN);
    /// The image still has snapshots.
    pub const NOT_EMPTY: Self = Self(libc::ENOTEMPTY);
    /// The cluster or pool is full.
    pub const NO_SPACE: Self = Self(libc::ENOSPC);
    /// The pool's quota is used up.
    pub const QUOTA: Self = Self(libc::EDQUOT);
    /// The user's caps do not allow it.
    pub const NOT_PERMITTED: Self = Self(libc::EPERM);
    /// The user could not be authenticated.
    pub const ACCESS: Self = Self(libc::EACCES);
    /// An argument was refused.
    pub const INVALID: Self = Self(libc::EINVAL);
    /// No answer in time.
    pub const TIMED_OUT: Self = Self(libc::ETIMEDOUT);
    /// This client was put on the cluster's blocklist.
    pub const BLOCKLISTED: Self = Self(libc::ESHUTDOWN);
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match *self {
            Self::NOT_FOUND => "does not exist",
            Self::EXISTS => "exists already",
            Self::BUSY => "is in use",
            Self::READ_ONLY => "somebody else keeps its lock, or it is only to be read",
            Self::NOT_EMPTY => "still has snapshots",
            Self::NO_SPACE => "the pool or the cluster is full",
            Self::QUOTA => "the pool's quota is used up",
            Self::NOT_PERMITTED => "the caps of the Ceph user do not allow it",
            Self::ACCESS => "the Ceph user could not be authenticated",
            Self::TIMED_OUT => "no answer in time",
            Self::BLOCKLISTED => "this client was blocklisted by the cluster",
            Self(other) => return write!(f, "{}", std::io::Error::from_raw_os_error(other)),
        };
        f.write_str(words)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errno({}: {self})", self.0)
    }
}

/// An operation on Ceph that failed: what was done, to what, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {object}: {errno} (errno {})", errno.0)]
pub struct Error {
    /// What was done, for example `opening image`.
    pub operation: &'static str,
    /// To what, for example `backups/volume-….backup.…`.
    pub object: String,
    /// The answer.
    pub errno: Errno,
}

impl Error {
    pub(crate) fn new(operation: &'static str, object: impl Into<String>, code: i64) -> Self {
        let errno = i32::try_from(code.unsigned_abs()).unwrap_or(libc::EIO);
        Self { operation, object: object.into(), errno: Errno(errno) }
    }

    /// Whether the thing does not exist.
    pub fn is_not_found(&self) -> bool {
        self.errno == Errno::NOT_FOUND
    }
}

/// The result of an operation on Ceph.
pub type Result<T> = std::result::Result<T, Error>;

/// Turns a C return code into a result.
pub(crate) fn check(code: impl Into<i64>, operation: &'static str, object: &str) -> Result<i64> {
    let code = code.into();
    if code < 0 { Err(Error::new(operation, object, code)) } else { Ok(code) }
}

/// A name as C wants it. A zero byte can not be in a Ceph name.
pub(crate) fn c_name(text: &str, operation: &'static str) -> Result<std::ffi::CString> {
    std::ffi::CString::new(text).map_err(|_| Error::new(operation, text, i64::from(libc::EINVAL)))
}

/// Runs a call that blocks on tokio's blocking pool.
pub(crate) async fn blocking<T: Send + 'static>(call: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // the runtime is going down; nobody will look at this any more
            Err(_) => Err(Error::new("waiting for", "the runtime", i64::from(libc::ECANCELED))),
        },
    }
}
