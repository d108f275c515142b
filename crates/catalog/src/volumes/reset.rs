//! An administrator's correction of a volume's status (API spec 11.1, `os-reset_status`).

use super::Status;
use super::record::lock_in;
use crate::page::Scope;
use crate::{Catalog, Result, VolumeId, attachments};

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
    /// Sets a volume's status as told. What a worker does with it is not touched.
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
        let Some(volume) = lock_in(&mut tx, id, scope).await? else { return Ok(Err(ResetRejected::NotFound)) };
        if reset.attached == Some(false) {
            attachments::end(&mut tx, id, None).await?;
            attachments::forget_mode(&mut tx, id).await?;
        }
        if reset.status == Some(Status::InUse) && attachments::of_volumes(&mut tx, &[id]).await?.is_empty() {
            return Ok(Err(ResetRejected::NotAttached));
        }
        sqlx::query("UPDATE volumes SET status = $2, migration_status = $3, updated_at = now() WHERE id = $1")
            .bind(id)
            .bind(reset.status.unwrap_or(volume.status))
            .bind(reset.migration_status.as_ref().unwrap_or(&volume.migration_status))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}
