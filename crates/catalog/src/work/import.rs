//! Imports of backup records.

use fail_points::Point;
use sqlx::types::Json;
use uuid::Uuid;

use super::Worker;
use crate::backups::{Status, kin_elsewhere};
use crate::jobs::{self, Job, JobEnd};
use crate::{BackupId, Catalog, Metadata, Result, SnapshotId, Time, VolumeId, transaction};

/// What a record says of a backup, once it has been looked through. The rest of a record is dropped or
/// overwritten (API spec 5.8).
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedFields {
    /// The volume that it was made of.
    pub volume_id: VolumeId,
    /// The snapshot that it was made of.
    pub snapshot_id: Option<SnapshotId>,
    /// Its parent.
    pub parent_id: Option<BackupId>,
    /// The key in Barbican that its data is encrypted with.
    pub encryption_key_id: Option<Uuid>,
    /// Its name.
    pub display_name: Option<String>,
    /// Its description.
    pub display_description: Option<String>,
    /// The pool that it is in.
    pub container: Option<String>,
    /// The size of its volume in GiB.
    pub size_gib: i32,
    /// As recorded; 0 for Ceph.
    pub object_count: i32,
    /// Where in the pool it is.
    pub service_metadata: Option<String>,
    /// Its user metadata.
    pub metadata: Metadata,
    /// Of when its data is; the row's own time where the record does not say.
    pub data_timestamp: Option<Time>,
    /// When it was made.
    pub created_at: Option<Time>,
}

/// Why what a record says does not go with the backups that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportUnfit {
    /// Its parent is itself made from it: neither could ever be deleted.
    #[error("the record's parent is made from this very backup")]
    Circular,
    /// Its parent, or an increment of it, is another project's.
    #[error("the record's parent, or an increment of it, belongs to another project")]
    OtherProject,
}

impl Catalog {
    /// Makes an imported backup available with what its record says, or says why that can not be; the job is then
    /// still held.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn finish_import(
        &self,
        job: &Job,
        id: BackupId,
        fields: &ImportedFields,
        worker: &Worker,
    ) -> Result<std::result::Result<(), ImportUnfit>> {
        let mut tx = self.pool.begin().await?;
        // one at a time: of two that name each other as parents, the second must see the first
        sqlx::query("SELECT pg_advisory_xact_lock(hashtext('cindervault.imports'))").execute(&mut *tx).await?;
        let (circular,): (bool,) = sqlx::query_as(
            "WITH RECURSIVE ancestors AS (
                 SELECT $2::uuid AS id
                  UNION
                 SELECT b.parent_id FROM backups AS b JOIN ancestors AS a ON b.id = a.id
                  WHERE b.deleted_at IS NULL AND b.parent_id IS NOT NULL)
             SELECT EXISTS (SELECT 1 FROM ancestors WHERE id = $1)",
        )
        .bind(id)
        .bind(fields.parent_id)
        .fetch_one(&mut *tx)
        .await?;
        if circular {
            return Ok(Err(ImportUnfit::Circular));
        }
        // the import was begun before the other's was
        if kin_elsewhere(&mut tx, id, fields.parent_id, &job.project_id).await? {
            return Ok(Err(ImportUnfit::OtherProject));
        }
        sqlx::query(
            "UPDATE backups
                SET status = $2, volume_id = $4, snapshot_id = $5, parent_id = $6, name = $7, description = $8,
                    container = $9, size_gib = $10, object_count = $11, service_metadata = $12, metadata = $13,
                    data_timestamp = COALESCE($14, data_timestamp, created_at), created_at = COALESCE($15, created_at),
                    host = $16, availability_zone = $17, service = $18, encryption_key_id = $19, fail_reason = NULL,
                    completed_at = now(), updated_at = now()
              WHERE id = $1 AND status = $3 AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(Status::Available)
        .bind(Status::Creating)
        .bind(fields.volume_id)
        .bind(fields.snapshot_id)
        .bind(fields.parent_id)
        .bind(&fields.display_name)
        .bind(&fields.display_description)
        .bind(&fields.container)
        .bind(fields.size_gib)
        .bind(fields.object_count)
        .bind(&fields.service_metadata)
        .bind(Json(&fields.metadata))
        .bind(fields.data_timestamp)
        .bind(fields.created_at)
        .bind(&worker.host)
        .bind(&worker.zone)
        .bind(&worker.service)
        .bind(fields.encryption_key_id)
        .execute(&mut *tx)
        .await?;
        jobs::end(&mut tx, job, JobEnd::Done).await?;
        transaction::commit(Point::FinishImport, tx).await?;
        Ok(Ok(()))
    }

    /// Records that a record could not be imported.
    ///
    /// # Errors
    /// The database failed, or the job is no longer this worker's.
    pub async fn fail_import(&self, job: &Job, id: BackupId, why: &str) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "UPDATE backups SET status = $2, fail_reason = $3, updated_at = now()
              WHERE id = $1 AND status = $4 AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(Status::Error)
        .bind(super::reason(why))
        .bind(Status::Creating)
        .execute(&mut *tx)
        .await?;
        jobs::end(&mut tx, job, JobEnd::Failed(why)).await?;
        transaction::commit(Point::FailImport, tx).await?;
        Ok(())
    }
}
