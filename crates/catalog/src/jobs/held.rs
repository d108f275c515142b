//! What is recorded of a job while a worker holds it, and that it no longer does.

use std::time::Duration;

use fail_points::Point;
use sqlx::PgConnection;

use super::{CHANNEL, Job};
use crate::{Catalog, Error, JobId, Result, transaction};

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd<'a> {
    /// It did what it was to do.
    Done,
    /// It did not, for this reason.
    Failed(&'a str),
}

/// Takes a job out of the queue as part of the transaction that records its outcome.
///
/// # Errors
/// [`Error::Stale`] when the job is no longer this worker's: the transaction must be rolled back.
pub async fn end(tx: &mut PgConnection, job: &Job, how: JobEnd<'_>) -> Result<()> {
    let (state, error) = match how {
        JobEnd::Done => ("done", None),
        JobEnd::Failed(reason) => ("failed", Some(reason)),
    };
    let changed = sqlx::query(
        "UPDATE jobs
            SET state = $4, error = $5, worker = NULL, lease_until = NULL, finished_at = now(), updated_at = now()
          WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'",
    )
    .bind(job.id)
    .bind(&job.worker)
    .bind(job.attempt)
    .bind(state)
    .bind(error)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if changed != 1 {
        return Err(stale(job.id));
    }
    sqlx::query("DELETE FROM job_locks WHERE job_id = $1").bind(job.id).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM job_journal WHERE job_id = $1").bind(job.id).execute(&mut *tx).await?;
    // a job that waited for one of these keys can run now
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *tx).await?;
    Ok(())
}

/// Whether the job is still to be ended by this worker: `false` when this very attempt has ended it already,
/// which a repeated call after a lost answer finds. Locks the job until the transaction ends.
///
/// # Errors
/// [`Error::Stale`] when the job is no longer this worker's.
pub(crate) async fn holds(tx: &mut PgConnection, job: &Job) -> Result<bool> {
    let row: Option<(String, Option<String>, i32)> =
        sqlx::query_as("SELECT state, worker, attempt FROM jobs WHERE id = $1 FOR UPDATE")
            .bind(job.id)
            .fetch_optional(tx)
            .await?;
    match row {
        Some((state, worker, attempt)) if attempt == job.attempt => match state.as_str() {
            "running" if worker.as_deref() == Some(&job.worker) => Ok(true),
            "done" => Ok(false),
            _ => Err(stale(job.id)),
        },
        _ => Err(stale(job.id)),
    }
}

/// Whether somebody asked for the job to be cancelled, for a transaction that holds it.
pub(crate) async fn is_cancelled(tx: &mut PgConnection, job: &Job) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT cancel_requested FROM jobs WHERE id = $1").bind(job.id).fetch_one(tx).await?)
}

pub(crate) fn stale(id: JobId) -> Error {
    Error::Stale { table: "jobs", id: id.to_string() }
}

impl Catalog {
    /// Extends the lease of a job. Returns whether somebody asked for the job to be cancelled.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's: it must stop touching Ceph.
    pub async fn renew_job(&self, job: &Job, lease: Duration) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let cancel: Option<(bool,)> = sqlx::query_as(
            "UPDATE jobs SET lease_until = now() + $4 * interval '1 second', updated_at = now()
              WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'
          RETURNING cancel_requested",
        )
        .bind(job.id)
        .bind(&job.worker)
        .bind(job.attempt)
        .bind(lease.as_secs_f64())
        .fetch_optional(&mut *tx)
        .await?;
        let Some((cancel,)) = cancel else { return Err(stale(job.id)) };
        transaction::commit(Point::RenewJob, tx).await?;
        Ok(cancel)
    }

    /// Records which step a job has reached, before the step is taken. Returns whether somebody asked for the job to
    /// be cancelled.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's.
    pub async fn record_step(&self, job: &Job, step: &str) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let cancel: Option<(bool,)> = sqlx::query_as(
            "UPDATE jobs SET step = $4, progress_at = now(), updated_at = now()
              WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'
          RETURNING cancel_requested",
        )
        .bind(job.id)
        .bind(&job.worker)
        .bind(job.attempt)
        .bind(step)
        .fetch_optional(&mut *tx)
        .await?;
        let Some((cancel,)) = cancel else { return Err(stale(job.id)) };
        transaction::commit(Point::RecordStep, tx).await?;
        Ok(cancel)
    }

    /// Records how far a job's copy has come, in bytes.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's.
    pub async fn record_progress(&self, job: &Job, examined: u64, copied: u64, total: u64) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query(
            "UPDATE jobs SET bytes_examined = $4, bytes_copied = $5, bytes_total = $6, progress_at = now(), updated_at = now()
              WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'",
        )
        .bind(job.id)
        .bind(&job.worker)
        .bind(job.attempt)
        .bind(i64::try_from(examined).unwrap_or(i64::MAX))
        .bind(i64::try_from(copied).unwrap_or(i64::MAX))
        .bind(i64::try_from(total).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed != 1 {
            return Err(stale(job.id));
        }
        transaction::commit(Point::RecordProgress, tx).await
    }

    /// Takes a job out of the queue that has nothing to record besides.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's.
    pub async fn end_job(&self, job: &Job, how: JobEnd<'_>) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        end(&mut tx, job, how).await?;
        transaction::commit(Point::EndJob, tx).await?;
        Ok(())
    }

    /// Gives a job back to the queue, to be claimed again after `delay`: for a failure that passes by
    /// itself, or (`drained`) for a worker that shuts down, which does not count as having gone away.
    ///
    /// Its keys are free with that, but for a job whose predecessors have not been fenced yet: one of them may still
    /// write, and whoever began another job with these keys would fence nobody.
    ///
    /// # Errors
    /// [`Error::Stale`] when the job is no longer this worker's.
    pub async fn release_job(&self, job: &Job, delay: Duration, drained: bool, why: &str) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query(
            "UPDATE jobs
                SET state = 'ready', worker = NULL, lease_until = NULL, error = $5,
                    run_at = now() + $4 * interval '1 second', handed_back = handed_back + $6::int, updated_at = now()
              WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'",
        )
        .bind(job.id)
        .bind(&job.worker)
        .bind(job.attempt)
        .bind(delay.as_secs_f64())
        .bind(why)
        .bind(i32::from(drained))
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed != 1 {
            return Err(stale(job.id));
        }
        sqlx::query(
            "DELETE FROM job_locks
              WHERE job_id = $1 AND EXISTS (SELECT 1 FROM jobs WHERE id = $1 AND predecessors = '{}')",
        )
        .bind(job.id)
        .execute(&mut *tx)
        .await?;
        sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *tx).await?;
        transaction::commit(Point::ReleaseJob, tx).await?;
        Ok(())
    }

    /// In what words a job was asked to be cancelled; `None` where it was not, or where there are none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn why_cancelled(&self, job: &Job) -> Result<Option<String>> {
        let why: Option<Option<String>> =
            sqlx::query_scalar("SELECT cancelled_by FROM jobs WHERE id = $1 AND cancel_requested")
                .bind(job.id)
                .fetch_optional(&self.pool)
                .await?;
        Ok(why.flatten())
    }
}
