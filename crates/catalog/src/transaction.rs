//! The transactions of jobs, each with a fail point before and after it.
//!
//! Whatever a worker changes is changed in one of these: in its modules `clippy.toml` disallows
//! `sqlx::Transaction::commit`, and `tests/failpoints` has Postgres refuse what a worker changes without a point.

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
pub(crate) async fn commit(point: Point, mut tx: Transaction<'_, Postgres>) -> Result<()> {
    if let Some(name) = fail_points::name(point) {
        // told to Postgres, so that it can refuse what comes without
        sqlx::query("SELECT set_config('cindervault.point', $1, true)").bind(name).execute(&mut *tx).await?;
    }
    around(point, async { Ok(tx.commit().await?) }, failure).await
}
