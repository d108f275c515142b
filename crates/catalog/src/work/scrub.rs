//! Which backups have not been read for too long.

use std::time::Duration;

use fail_points::Point;

use crate::backups::DRIVER;
use crate::jobs::{self, JobSpec};
use crate::{BackupId, Catalog, ProjectId, Result, transaction};

impl Catalog {
    /// Puts the backups of ours into the queue that have waited longest to be read, and longer than `every`: at most
    /// `few`, and none while as many wait there. Those do not count that wait to be tried again, whose pool may be out of
    /// reach for hours. Returns how many they were. Several workers may do this at once.
    ///
    /// # Errors
    /// The database failed.
    pub async fn enqueue_scrubs(&self, every: Duration, few: u32) -> Result<usize> {
        let mut tx = self.pool.begin().await?;
        let (waiting,): (i64,) = sqlx::query_as(concat!(
            "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = 'ready' AND run_at <= now() AND ",
            jobs::lane!(),
            " = 'scrub' LIMIT $1) AS waiting"
        ))
        .bind(i64::from(few))
        .fetch_one(&mut *tx)
        .await?;
        let due: Vec<(BackupId, ProjectId)> = sqlx::query_as(
            "UPDATE backups SET verify_asked_at = now()
              WHERE id = ANY (ARRAY(
                        SELECT id FROM backups
                         WHERE deleted_at IS NULL AND status = 'available' AND starts_with($3, service)
                           AND COALESCE(verify_asked_at, created_at) < now() - $1 * interval '1 second'
                         ORDER BY COALESCE(verify_asked_at, created_at)
                         LIMIT $2 FOR UPDATE SKIP LOCKED))
          RETURNING id, project_id",
        )
        .bind(every.as_secs_f64())
        .bind(i64::from(few) - waiting)
        .bind(DRIVER)
        .fetch_all(&mut *tx)
        .await?;
        if due.is_empty() {
            return Ok(0);
        }
        for (backup, project) in &due {
            jobs::enqueue(&mut tx, &JobSpec::BackupScrub { backup: *backup }, project, None).await?;
        }
        transaction::commit(Point::EnqueueScrubs, tx).await?;
        Ok(due.len())
    }
}
