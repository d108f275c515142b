//! An administrator's correction of a volume's status (API spec 11.1, `os-reset_status`).

use sqlx::PgConnection;

use super::Status;
use super::record::lock_in;
use crate::page::Scope;
use crate::{Catalog, JobId, Result, VolumeId, attachments, jobs};

/// What is to be corrected; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reset {
    /// The new status.
    pub status: Option<Status>,
    /// Whether the volume is attached. Saying that it is not ends its attachments.
    pub attached: Option<bool>,
    /// The new migration status, which may be nothing.
    pub migration_status: Option<Option<String>>,
}

/// Why nothing was corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResetRejected {
    /// There is no such volume.
    #[error("there is no such volume")]
    NotFound,
    /// A volume without attachments can not be `in-use`.
    #[error("a volume without attachments can not be in-use")]
    NotAttached,
}

impl Catalog {
    /// Sets a volume's status as told. A restore onto it is cancelled by that, as by a reset of its backup.
    ///
    /// A volume does not become usable by that before it was made, nor while a job that removes or overwrites its image has
    /// begun and has not ended: whoever attached it would lose what he writes. It stays what it is, and becomes what the job
    /// comes to. A delete or an extend that only waits is taken back.
    ///
    /// # Errors
    /// The database failed.
    pub async fn reset_volume(
        &self,
        id: VolumeId,
        scope: &Scope,
        reset: &Reset,
    ) -> Result<std::result::Result<(), ResetRejected>> {
        let mut tx = self.pool.begin().await?;
        let unmade = match reset.status {
            Some(status) => Self::cancel_restores(&mut tx, id, status).await?,
            None => false,
        };
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(ResetRejected::NotFound)) };
        if reset.attached == Some(false) {
            attachments::end(&mut tx, id, None).await?;
            attachments::forget_mode(&mut tx, id).await?;
        }
        if reset.status == Some(Status::InUse) && attachments::of_volumes(&mut tx, &[id]).await?.is_empty() {
            return Ok(Err(ResetRejected::NotAttached));
        }
        let mut status = reset.status.unwrap_or(volume.status);
        if !status.is_broken() && (unmade || is_unfinished(&mut tx, id).await?) {
            status = volume.status;
        }
        if status != Status::Extending {
            take_back_extends(&mut tx, id).await?;
        }
        sqlx::query("UPDATE volumes SET status = $2, migration_status = $3, updated_at = now() WHERE id = $1")
            .bind(id)
            .bind(status)
            .bind(reset.migration_status.as_ref().unwrap_or(&volume.migration_status))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}

/// Ends the extends that no worker ever had: the next one that is asked for may be to another size. (A delete is the same
/// whenever it was asked for; its worker finds the new status.)
async fn take_back_extends(tx: &mut PgConnection, id: VolumeId) -> Result<()> {
    let waiting: Vec<JobId> = sqlx::query_scalar(
        "SELECT id FROM jobs
          WHERE target_id = $1 AND kind = 'volume_extend' AND state = 'ready' AND attempt = 0
            FOR UPDATE",
    )
    .bind(id)
    .fetch_all(&mut *tx)
    .await?;
    for job in waiting {
        jobs::drop_untouched(tx, job, "the volume's status was reset before a worker had it").await?;
    }
    Ok(())
}

/// Whether a volume is still to be made, or a job that removes or overwrites its image has begun and has not ended yet.
async fn is_unfinished(tx: &mut PgConnection, id: VolumeId) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM jobs
                         WHERE target_id = $1 AND kind = 'volume_create' AND state IN ('ready', 'running')
                            OR (state = 'running' OR state = 'ready' AND attempt > 0)
                               AND (target_id = $1 AND kind = 'volume_delete'
                                    OR kind = 'backup_restore' AND spec->>'volume' = $1::text))",
    )
    .bind(id)
    .fetch_one(tx)
    .await?)
}
