//! The transactions of jobs, each with a fail point before and after it.
//!
//! Whatever a worker records goes through here: in the modules of jobs `clippy.toml` disallows
//! `sqlx::Transaction::commit`.

use std::io;

use fail_points::{Injected, Point, around};
use sqlx::{Postgres, Transaction};

use crate::{Error, Result};

/// What a point that was told to fail looks like: as a connection that was cut.
fn failure(_: Injected) -> Error {
    Error::Database(sqlx::Error::Io(io::Error::other("an injected failure")))
}

/// Commits a transaction of a job.
#[expect(clippy::disallowed_methods, reason = "this is the place where it is called")]
pub(crate) async fn commit(point: Point, tx: Transaction<'_, Postgres>) -> Result<()> {
    around(point, async { Ok(tx.commit().await?) }, failure).await
}

/// Runs a single statement of a job, which is a transaction by itself.
pub(crate) async fn single<T>(point: Point, statement: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    around(point, async { Ok(statement.await?) }, failure).await
}
