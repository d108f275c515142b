//! Backups that no worker took (API spec 5.2, 5.3).
//!
//! A create is answered 202 whether or not there is a worker. One that no worker has taken after some time,
//! while there is none that could, becomes an error that says so, and what it was to be made of is given back.

use std::time::Duration;

use sqlx::{FromRow, PgConnection};

use super::Status;
use crate::messages::{self, Action, Detail, NewMessage};
use crate::services::{BACKUP_BINARY, DOWN_AFTER};
use crate::{BackupId, Catalog, JobId, ProjectId, Result, SnapshotId, VolumeId, jobs, snapshots, volumes};

/// What the user reads in `fail_reason`.
const REASON: &str = "Service not found for creating backup.";

/// At most so many in one call, so that a call is short; the rest is for the next one.
const BATCH: i64 = 100;

/// At most so many waiting creates are looked at, the oldest: where there are more, a worker is busy with them.
const HEAD: i64 = 1000;

#[derive(FromRow)]
struct Unclaimed {
    job: JobId,
    request_id: Option<String>,
    backup: BackupId,
    project_id: ProjectId,
    volume_id: VolumeId,
    snapshot_id: Option<SnapshotId>,
}

impl Catalog {
    /// Fails the creates that have waited longer than this for a worker while there is none in the zone asked
    /// for, else in the volume's. Returns how many.
    ///
    /// # Errors
    /// The database failed.
    pub async fn fail_unclaimed_creates(&self, older_than: Duration) -> Result<usize> {
        let mut tx = self.pool.begin().await?;
        let unclaimed: Vec<Unclaimed> = sqlx::query_as(
            concat!(
                "SELECT j.id AS job, j.request_id, b.id AS backup, b.project_id, b.volume_id, b.snapshot_id
                   FROM (SELECT id FROM jobs
                          WHERE state = 'ready' AND kind = 'backup_create' AND attempt = 0
                            AND ",
                jobs::lane!(),
                " = 'copy'
                            AND created_at < now() - $2 * interval '1 second'
                          ORDER BY run_at, created_at
                          LIMIT $6) AS oldest
                   JOIN jobs AS j ON j.id = oldest.id AND j.state = 'ready' AND j.attempt = 0
                   JOIN backups AS b ON b.id = j.target_id AND b.status = $1 AND b.deleted_at IS NULL
                   LEFT JOIN volumes AS v ON v.id = b.volume_id
                  WHERE NOT EXISTS (SELECT 1 FROM services AS s
                                     WHERE s.binary_name = $3 AND NOT s.disabled
                                       AND s.heartbeat_at > now() - $4 * interval '1 second'
                                       AND s.zone = COALESCE(NULLIF(b.availability_zone, ''), v.availability_zone, s.zone))
                  ORDER BY j.created_at
                  LIMIT $5
                    FOR UPDATE OF j, b SKIP LOCKED"
            ),
        )
        .bind(Status::Creating)
        .bind(older_than.as_secs_f64())
        .bind(BACKUP_BINARY)
        .bind(DOWN_AFTER.as_secs_f64())
        .bind(BATCH)
        .bind(HEAD)
        .fetch_all(&mut *tx)
        .await?;
        for one in &unclaimed {
            fail(&mut tx, one).await?;
        }
        tx.commit().await?;
        Ok(unclaimed.len())
    }
}

async fn fail(tx: &mut PgConnection, one: &Unclaimed) -> Result<()> {
    sqlx::query("UPDATE backups SET status = $2, fail_reason = $3, updated_at = now() WHERE id = $1")
        .bind(one.backup)
        .bind(Status::Error)
        .bind(REASON)
        .execute(&mut *tx)
        .await?;
    match one.snapshot_id {
        Some(snapshot) => {
            sqlx::query("UPDATE snapshots SET status = $2, updated_at = now() WHERE id = $1 AND status = $3")
                .bind(snapshot)
                .bind(snapshots::Status::Available)
                .bind(snapshots::Status::BackingUp)
                .execute(&mut *tx)
                .await?;
        }
        None => {
            sqlx::query(
                "UPDATE volumes
                    SET status = COALESCE(previous_status, 'available'), previous_status = status, updated_at = now()
                  WHERE id = $1 AND status = $2",
            )
            .bind(one.volume_id)
            .bind(volumes::Status::BackingUp)
            .execute(&mut *tx)
            .await?;
        }
    }
    let message = NewMessage {
        project_id: one.project_id.clone(),
        request_id: one.request_id.clone(),
        resource_uuid: one.backup.0,
        action: Action::CreateBackup,
        detail: Detail::NoService,
    };
    messages::add(tx, &message).await?;
    sqlx::query("UPDATE jobs SET state = 'failed', error = $2, finished_at = now(), updated_at = now() WHERE id = $1")
        .bind(one.job)
        .bind(REASON)
        .execute(tx)
        .await?;
    Ok(())
}
