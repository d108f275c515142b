//! The workers, by the connections over which they write: what it takes to fence one that lost a job.
//!
//! A worker's name stands for its connections. They are registered before anything is done over them; a worker that
//! makes new ones takes a new name. So whoever takes a job over finds, by the name in the job's row, every
//! connection over which something of that job may still be on its way.

use std::time::Duration;

use fail_points::Point;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;

use crate::jobs::Job;
use crate::{Catalog, Result, transaction};

/// A connection to a Ceph cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The cluster's id.
    pub fsid: String,
    /// The address that the cluster knows the connection by, and no other.
    pub address: String,
}

/// What others say of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is one of the workers.
    Known,
    /// Somebody fenced it: nothing that it sends to Ceph is taken any more.
    Fenced,
    /// It is not known, or no longer: nobody could fence it.
    Unknown,
}

/// A worker that lost a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostWorker {
    /// Its name.
    pub name: String,
    /// Its connections; none where it never registered, as those of old releases.
    pub connections: Vec<Connection>,
    /// Whether somebody fenced it already, a short enough time ago.
    pub fenced: bool,
}

#[derive(FromRow)]
struct LostRow {
    name: String,
    connections: Option<Json<Vec<Connection>>>,
    fenced: bool,
}

impl Catalog {
    /// Registers a worker with its connections, before it uses them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn register_worker(&self, name: &str, host: &str, connections: &[Connection]) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("INSERT INTO workers (name, host, connections) VALUES ($1, $2, $3)")
            .bind(name)
            .bind(host)
            .bind(Json(connections))
            .execute(&mut *tx)
            .await?;
        transaction::commit(Point::RegisterWorker, tx).await
    }

    /// Says that a worker is alive, and learns what the others think of that.
    ///
    /// # Errors
    /// The database failed.
    pub async fn worker_seen(&self, name: &str) -> Result<Standing> {
        let fenced: Option<(bool,)> =
            sqlx::query_as("UPDATE workers SET seen_at = now() WHERE name = $1 RETURNING fenced_at IS NOT NULL")
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
        Ok(match fenced {
            Some((false,)) => Standing::Known,
            Some((true,)) => Standing::Fenced,
            None => Standing::Unknown,
        })
    }

    /// Those who lost this job, and whether they have been fenced within `expiry`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn lost_workers(&self, job: &Job, expiry: Duration) -> Result<Vec<LostWorker>> {
        let rows: Vec<LostRow> = sqlx::query_as(
            "SELECT lost.name, w.connections, coalesce(w.fenced_at > now() - $2 * interval '1 second', false) AS fenced
               FROM unnest($1::text[]) AS lost (name) LEFT JOIN workers AS w ON w.name = lost.name",
        )
        .bind(&job.predecessors)
        .bind(expiry.as_secs_f64())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| LostWorker {
                name: row.name,
                connections: row.connections.map(|connections| connections.0).unwrap_or_default(),
                fenced: row.fenced,
            })
            .collect())
    }

    /// Records that those who lost this job are fenced, for this job and for every other.
    ///
    /// # Errors
    /// The database failed.
    pub async fn record_fenced(&self, job: &Job) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "WITH fenced AS (UPDATE workers SET fenced_at = coalesce(fenced_at, now()) WHERE name = ANY($2))
             UPDATE jobs SET predecessors = '{}', updated_at = now()
              WHERE id = $1 AND worker = $3 AND attempt = $4 AND state = 'running'",
        )
        .bind(job.id)
        .bind(&job.predecessors)
        .bind(&job.worker)
        .bind(job.attempt)
        .execute(&mut *tx)
        .await?;
        transaction::commit(Point::RecordFenced, tx).await
    }

    /// Removes the rows of workers that were not heard of for longer than `keep`, and whom nobody may have to fence.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reap_workers(&self, keep: Duration) -> Result<u64> {
        Ok(sqlx::query(
            "DELETE FROM workers AS w
              WHERE greatest(seen_at, fenced_at) < now() - $1 * interval '1 second'
                AND NOT EXISTS (SELECT 1 FROM jobs
                                 WHERE state IN ('ready', 'running')
                                   AND (worker = w.name OR w.name = ANY(predecessors)))",
        )
        .bind(keep.as_secs_f64())
        .execute(&self.pool)
        .await?
        .rows_affected())
    }
}
