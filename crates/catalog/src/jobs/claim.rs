//! Claiming a job: the oldest that may run now.

use std::time::Duration;

use fail_points::Point;
use sqlx::FromRow;
use sqlx::types::Json;

use super::{Job, JobSpec, Lane, lane};
use crate::{Catalog, JobId, ProjectId, Result, transaction};

/// What a candidate for a claim fulfils, besides its state: its kind is of the lane (`$3`), none of its keys is
/// held, and if it is a backup's, the backup service of the worker's host (`$4`) is not disabled, and is in the
/// backup's zone: the one that was asked for, else that of the volume (API spec 10.3). Anybody imports.
macro_rules! runnable {
    () => {
        "kind = ANY($3)
         AND NOT EXISTS (SELECT 1 FROM job_locks WHERE key = ANY(candidate.lock_keys) AND job_id <> candidate.id)
         AND NOT (kind LIKE 'backup%' AND EXISTS (
                     SELECT 1 FROM services AS s
                      WHERE s.binary_name = 'cinder-backup' AND s.host = $4
                        AND (s.disabled OR s.zone <> (
                             SELECT COALESCE(NULLIF(b.availability_zone, ''),
                                             CASE WHEN candidate.kind = 'backup_create' THEN v.availability_zone END)
                               FROM backups AS b LEFT JOIN volumes AS v ON v.id = b.volume_id
                              WHERE b.id = candidate.target_id AND candidate.kind <> 'backup_import'))))"
    };
}

#[derive(FromRow)]
struct JobRow {
    id: JobId,
    spec: Json<JobSpec>,
    project_id: ProjectId,
    request_id: Option<String>,
    worker: String,
    attempt: i32,
    takeovers: i32,
    step: Option<String>,
    cancel_requested: bool,
    predecessors: Vec<String>,
    lock_keys: Vec<String>,
}

impl Catalog {
    /// Claims the oldest job of the lane that may run now: one whose worker let its lease run out, else one that
    /// is ready. `None` when there is none. The `cinder-backup` service of `host` claims no backup jobs while it is
    /// disabled, and none of other zones.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claim_job(&self, worker: &str, host: &str, lane: Lane, lease: Duration) -> Result<Option<Job>> {
        Box::pin(self.claim(worker, host, lane, lease, true)).await
    }

    /// As [`Self::claim_job`], and takes no job over: for a while after the database was away, when those who hold jobs
    /// may not have been able to say so yet.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claim_ready_job(&self, worker: &str, host: &str, lane: Lane, lease: Duration) -> Result<Option<Job>> {
        Box::pin(self.claim(worker, host, lane, lease, false)).await
    }

    async fn claim(
        &self,
        worker: &str,
        host: &str,
        lane: Lane,
        lease: Duration,
        take_over: bool,
    ) -> Result<Option<Job>> {
        let mut tx = self.pool.begin().await?;
        let row: Option<JobRow> = sqlx::query_as(
            // two steps, because only each by itself follows an index; the second is taken where the first finds none
            concat!(
                "WITH lapsed AS (
                     SELECT id FROM jobs AS candidate
                      WHERE $6 AND state = 'running' AND lease_until < now() AND ",
                runnable!(),
                " ORDER BY run_at, created_at LIMIT 1 FOR UPDATE SKIP LOCKED),
                      ready AS (
                     SELECT id FROM jobs AS candidate
                      WHERE state = 'ready' AND run_at <= now() AND NOT EXISTS (SELECT 1 FROM lapsed)
                        AND ",
                lane!(),
                " = $5 AND ",
                runnable!(),
                " ORDER BY run_at, created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
                 UPDATE jobs
                    SET state = 'running', worker = $1, lease_until = now() + $2 * interval '1 second',
                        predecessors = CASE WHEN state = 'ready' OR worker = ANY(predecessors) THEN predecessors
                                            ELSE predecessors || worker END,
                        attempt = attempt + 1, updated_at = now()
                  WHERE id = (SELECT id FROM lapsed UNION ALL SELECT id FROM ready)
              RETURNING id, spec, project_id, request_id, worker, attempt, attempt - handed_back AS takeovers, step,
                        cancel_requested, predecessors, lock_keys"
            ),
        )
        .bind(worker)
        .bind(lease.as_secs_f64())
        .bind(lane.kinds())
        .bind(host)
        .bind(lane.name())
        .bind(take_over)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let held = sqlx::query(
            "INSERT INTO job_locks (key, job_id) SELECT unnest($1::text[]), $2
                 ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id WHERE job_locks.job_id = excluded.job_id",
        )
        .bind(&row.lock_keys)
        .bind(row.id)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if held != row.lock_keys.len() as u64 {
            // another claim took one of the keys a moment ago; its end will wake us
            tx.rollback().await?;
            return Ok(None);
        }
        transaction::commit(Point::ClaimJob, tx).await?;
        Ok(Some(Job {
            id: row.id,
            spec: row.spec.0,
            project_id: row.project_id,
            request_id: row.request_id,
            worker: row.worker,
            attempt: row.attempt,
            takeovers: row.takeovers,
            step: row.step,
            cancel: row.cancel_requested,
            predecessors: row.predecessors,
        }))
    }
}
