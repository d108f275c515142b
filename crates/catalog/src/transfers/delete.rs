//! Taking an offer back.

use sqlx::PgConnection;

use super::read::find;
use crate::page::Scope;
use crate::volumes::{self, Status};
use crate::{Catalog, Result, TransferId, VolumeId};

impl Catalog {
    /// Takes an offer back: the volume is `available` again. `false` when there is no such transfer in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_transfer(&self, id: TransferId, scope: &Scope) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        let Some(offered) = find(&mut tx, id, scope).await? else { return Ok(false) };
        let volume = volumes::lock(&mut tx, offered.volume_id).await?;
        let taken_back =
            sqlx::query("UPDATE volume_transfers SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL")
                .bind(id)
                .execute(&mut *tx)
                .await?
                .rows_affected();
        if taken_back != 1 {
            return Ok(false);
        }
        if let Some(volume) = volume.filter(|volume| volume.status == Status::AwaitingTransfer) {
            volumes::set_status(&mut tx, volume.id, Status::Available).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// Ends whatever offer of a volume there is. The volume is the caller's to lock.
pub(crate) async fn end(tx: &mut PgConnection, volume: VolumeId) -> Result<()> {
    sqlx::query("UPDATE volume_transfers SET deleted_at = now() WHERE volume_id = $1 AND deleted_at IS NULL")
        .bind(volume)
        .execute(tx)
        .await?;
    Ok(())
}
