//! Finishing an attachment.

use uuid::Uuid;

use super::read::lock;
use super::settle;
use crate::page::Scope;
use crate::{Catalog, Result};

impl Catalog {
    /// Records that the host has the volume: it is `in-use`. `false` when there is no such attachment in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn complete_attachment(&self, id: Uuid, scope: &Scope) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let Some((_, volume)) = lock(&mut tx, id, scope).await? else { return Ok(false) };
        sqlx::query(
            "UPDATE attachments SET status = 'attached', attached_at = COALESCE(attached_at, now()) WHERE id = $1",
        )
        .bind(id)
        .execute(&mut *tx)
        .await?;
        settle(&mut tx, volume.id).await?;
        tx.commit().await?;
        Ok(true)
    }
}
