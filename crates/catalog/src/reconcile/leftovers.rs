//! Rows of the queue that belong to nothing.

use fail_points::Point;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{Catalog, JobId, Result, Time, transaction};

/// A job in the queue about something that has no row, not even that of something deleted.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct JobWithoutTarget {
    /// The job.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// What it is about.
    pub target_id: Uuid,
    /// Whether a worker has it, who will find nothing to do.
    pub running: bool,
    /// When it was put into the queue.
    pub created_at: Time,
}

/// What is kept for a job that does not run: a key, or a part of its journal.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct LockWithoutJob {
    /// The job.
    pub job_id: JobId,
    /// Its state.
    pub state: String,
    /// The keys that it holds.
    pub keys: Vec<String>,
    /// How many parts its journal has.
    pub journal: i64,
}

impl Catalog {
    /// The jobs in the queue about something that has no row. A job and what it is about are made together.
    ///
    /// # Errors
    /// The database failed.
    pub async fn jobs_without_target(&self) -> Result<Vec<JobWithoutTarget>> {
        Ok(sqlx::query_as(
            "SELECT j.id, j.kind, j.target_id, j.state = 'running' AS running, j.created_at
               FROM jobs AS j
              WHERE j.state IN ('ready', 'running')
                AND CASE split_part(j.kind, '_', 1)
                        WHEN 'backup' THEN NOT EXISTS (SELECT 1 FROM backups WHERE id = j.target_id)
                        WHEN 'volume' THEN NOT EXISTS (SELECT 1 FROM volumes WHERE id = j.target_id)
                        WHEN 'snapshot' THEN NOT EXISTS (SELECT 1 FROM snapshots WHERE id = j.target_id)
                        ELSE false END
              ORDER BY j.created_at, j.id",
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Takes such a job out of the queue. Returns whether it was: not where a worker has it, or had it and is not
    /// fenced.
    ///
    /// # Errors
    /// The database failed.
    pub async fn drop_job(&self, id: JobId) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let dropped = sqlx::query(
            "UPDATE jobs SET state = 'failed', error = 'what it was about has no record', finished_at = now(),
                             updated_at = now()
              WHERE id = $1 AND state = 'ready' AND predecessors = '{}'",
        )
        .bind(id)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if dropped == 0 {
            return Ok(false);
        }
        transaction::commit(Point::DropJob, tx).await?;
        Ok(true)
    }

    /// The keys that are held for jobs that do not run, and the journals of jobs that have ended. A job that waits and
    /// whose predecessors are not fenced keeps its keys until they are.
    ///
    /// # Errors
    /// The database failed.
    pub async fn locks_without_job(&self) -> Result<Vec<LockWithoutJob>> {
        Ok(sqlx::query_as(
            "SELECT j.id AS job_id, j.state,
                    ARRAY(SELECT key FROM job_locks WHERE job_id = j.id AND j.state <> 'running' ORDER BY key) AS keys,
                    (SELECT count(*) FROM job_journal WHERE job_id = j.id) AS journal
               FROM jobs AS j
              WHERE (j.state <> 'running' AND NOT (j.state = 'ready' AND j.predecessors <> '{}')
                     AND j.id IN (SELECT job_id FROM job_locks))
                 OR (j.state IN ('done', 'failed') AND j.id IN (SELECT job_id FROM job_journal))
              ORDER BY j.id",
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Removes them. Returns whether they were still there.
    ///
    /// # Errors
    /// The database failed.
    pub async fn drop_locks(&self, job: JobId) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let state: Option<String> = sqlx::query_scalar(
            "SELECT state FROM jobs
                  WHERE id = $1 AND state <> 'running' AND NOT (state = 'ready' AND predecessors <> '{}') FOR UPDATE",
        )
        .bind(job)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(state) = state else { return Ok(false) };
        let mut removed =
            sqlx::query("DELETE FROM job_locks WHERE job_id = $1").bind(job).execute(&mut *tx).await?.rows_affected();
        if state != "ready" {
            removed += sqlx::query("DELETE FROM job_journal WHERE job_id = $1")
                .bind(job)
                .execute(&mut *tx)
                .await?
                .rows_affected();
        }
        if removed == 0 {
            return Ok(false);
        }
        transaction::commit(Point::DropLocks, tx).await?;
        Ok(true)
    }
}
