//! Fail points: the named places at which a job may be stopped, made to fail, or killed, to see what becomes of it.
//!
//! There is one before and one after everything that a job changes on Ceph or in Postgres ([`around`]), and one where a
//! step of a chain has been recorded and is about to be taken ([`at`]). What is changed in Postgres also says there at
//! which point it is changed ([`name`]). Without the feature `armed` nothing of this is left in the program: the
//! functions are empty and the names are not compiled in.
//!
//! With it, the environment variable `CINDERVAULT_FAIL_POINTS` names a directory:
//!
//! | file | what it is |
//! |---|---|
//! | `trace` | where it exists, the name of every point that is passed is appended to it |
//! | `armed/<point>` | `<n> <action>`: what to do when the point is passed for the n-th time |
//! | `fired/<point>` | the process in which it was done; written before it is done, in place of `armed/<point>` |
//!
//! | action | what happens |
//! |---|---|
//! | `error` | the operation is answered with an I/O error; after the point it has been done all the same |
//! | `kill` | the process ends as by SIGKILL |
//! | `pause` | the process stops as by SIGSTOP, until somebody sends SIGCONT |
//!
//! A point fires once, in whichever of the processes that share the directory comes to it first.

mod point;

#[cfg(feature = "armed")]
mod armed;

pub use point::Point;
#[cfg(feature = "armed")]
pub use point::names;

/// A point that was told to fail.
#[cfg(feature = "armed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Injected(());

/// A point that was told to fail: there is none in this build.
#[cfg(not(feature = "armed"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injected {}

/// What the point is called, where there are points.
#[cfg(feature = "armed")]
pub fn name(point: Point) -> Option<&'static str> {
    Some(point.name())
}

/// What the point is called; there is none in this build.
#[cfg(not(feature = "armed"))]
#[inline]
pub fn name(_: Point) -> Option<&'static str> {
    None
}

/// Passes a point that stands for itself.
///
/// # Errors
/// It was told to fail.
#[cfg(feature = "armed")]
pub fn at(point: Point) -> Result<(), Injected> {
    armed::pass(point.name())
}

/// Passes a point that stands for itself; there is none in this build.
///
/// # Errors
/// Never.
#[cfg(not(feature = "armed"))]
#[inline]
pub fn at(_: Point) -> Result<(), Injected> {
    Ok(())
}

/// Does something that changes what others see, with a point before and one after it.
///
/// # Errors
/// The operation's, or what `failure` makes of a point that was told to fail.
#[cfg(feature = "armed")]
pub async fn around<T, E>(
    point: Point,
    operation: impl Future<Output = Result<T, E>>,
    failure: impl Fn(Injected) -> E,
) -> Result<T, E> {
    armed::pass(&format!("{}.before", point.name())).map_err(&failure)?;
    let done = operation.await?;
    armed::pass(&format!("{}.after", point.name())).map_err(&failure)?;
    Ok(done)
}

/// Does something that changes what others see; there are no points in this build.
///
/// # Errors
/// The operation's.
#[cfg(not(feature = "armed"))]
#[inline]
pub async fn around<T, E>(
    _: Point,
    operation: impl Future<Output = Result<T, E>>,
    _: impl Fn(Injected) -> E,
) -> Result<T, E> {
    operation.await
}
