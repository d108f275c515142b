//! What of a job's copy is finished for good, kept with the job's row.

use fail_points::Point;
use sqlx::FromRow;

use crate::jobs::{Job, stale};
use crate::{Catalog, Result, transaction};

/// A part of a copy that is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which copy.
    pub what: String,
    /// How far, in bytes from the image's start.
    pub up_to: u64,
    /// The checksums of what was copied since the entry before, by the number of the region.
    pub sums: Vec<(u64, u64)>,
}

#[derive(FromRow)]
struct Row {
    what: String,
    up_to: i64,
    sums: Vec<u8>,
}

impl Catalog {
    /// Records a part of a job's copy that is finished. Entries of another copy are forgotten.
    ///
    /// # Errors
    /// [`crate::Error::Stale`] when the job is no longer this worker's, or the database failed.
    pub async fn record_finished(&self, job: &Job, entry: &Entry) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let recorded = sqlx::query(
            "WITH held AS (SELECT id FROM jobs
                            WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running' FOR UPDATE),
                  other AS (DELETE FROM job_journal USING held WHERE job_id = held.id AND what <> $4)
             INSERT INTO job_journal (job_id, what, up_to, sums) SELECT id, $4, $5, $6 FROM held
             ON CONFLICT (job_id, what, up_to) DO UPDATE SET sums = excluded.sums",
        )
        .bind(job.id)
        .bind(&job.worker)
        .bind(job.attempt)
        .bind(&entry.what)
        .bind(i64::try_from(entry.up_to).unwrap_or(i64::MAX))
        .bind(encode(&entry.sums))
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if recorded != 1 {
            return Err(stale(job.id));
        }
        transaction::commit(Point::RecordFinished, tx).await
    }

    /// What attempts at a job have finished, in the order of the copy.
    ///
    /// # Errors
    /// The database failed.
    pub async fn finished(&self, job: &Job) -> Result<Vec<Entry>> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT what, up_to, sums FROM job_journal WHERE job_id = $1 ORDER BY what, up_to")
                .bind(job.id)
                .fetch_all(&self.pool)
                .await?;
        let entry = |row: Row| Entry { what: row.what, up_to: row.up_to.unsigned_abs(), sums: decode(&row.sums) };
        Ok(rows.into_iter().map(entry).collect())
    }
}

fn encode(sums: &[(u64, u64)]) -> Vec<u8> {
    sums.iter().flat_map(|(region, sum)| [region.to_le_bytes(), sum.to_le_bytes()]).flatten().collect()
}

fn decode(bytes: &[u8]) -> Vec<(u64, u64)> {
    let (numbers, _) = bytes.as_chunks::<8>();
    let (pairs, _) = numbers.as_chunks::<2>();
    pairs.iter().map(|[region, sum]| (u64::from_le_bytes(*region), u64::from_le_bytes(*sum))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_as_they_were_written() {
        for sums in [vec![], vec![(0, u64::MAX)], vec![(7, 1), (8, 0), (1 << 40, 2)]] {
            assert_eq!(decode(&encode(&sums)), sums);
        }
    }
}
