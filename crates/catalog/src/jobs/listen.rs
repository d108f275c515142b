//! Hearing of jobs that can be claimed or are to be cancelled.

use sqlx::postgres::PgListener;

use super::{CANCELS, CHANNEL};
use crate::{Catalog, JobId, Result};

impl Catalog {
    /// Opens a connection on which new jobs are announced. Announcements are hints: a job may also become
    /// claimable by time alone, so a worker looks at the queue now and then as well.
    ///
    /// # Errors
    /// The database failed.
    pub async fn job_listener(&self) -> Result<JobListener> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen_all([CHANNEL, CANCELS]).await?;
        Ok(JobListener { listener })
    }

    /// Which of these jobs somebody asked to be cancelled.
    ///
    /// # Errors
    /// The database failed.
    pub async fn cancelled_jobs(&self, jobs: &[JobId]) -> Result<Vec<JobId>> {
        Ok(sqlx::query_scalar("SELECT id FROM jobs WHERE id = ANY($1) AND cancel_requested")
            .bind(jobs)
            .fetch_all(&self.pool)
            .await?)
    }
}

/// What may have come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// A job that can be claimed.
    Job,
    /// A job is to be cancelled.
    Cancel,
    /// Both: the connection was lost and made anew.
    Anything,
}

/// A connection on which new jobs are announced.
#[derive(Debug)]
pub struct JobListener {
    listener: PgListener,
}

impl JobListener {
    /// Waits for an announcement, or for the connection to have been lost and made anew (then something may
    /// have been missed, and looking at the queue is right as well).
    ///
    /// # Errors
    /// The database is away.
    pub async fn wait(&mut self) -> Result<Announced> {
        Ok(match self.listener.try_recv().await? {
            None => Announced::Anything,
            Some(heard) if heard.channel() == CANCELS => Announced::Cancel,
            Some(_) => Announced::Job,
        })
    }
}
