//! Ending an attachment by its own id.

use uuid::Uuid;

use super::read::lock;
use super::{Attachment, end, settle};
use crate::page::Scope;
use crate::{Catalog, Result};

impl Catalog {
    /// Ends an attachment, however far it is. Returns those that the volume still has; `None` when there is no such
    /// attachment in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_attachment(&self, id: Uuid, scope: &Scope) -> Result<Option<Vec<Attachment>>> {
        let mut tx = self.pool.begin().await?;
        let Some((_, volume)) = lock(&mut tx, id, scope).await? else { return Ok(None) };
        end(&mut tx, volume.id, Some(id)).await?;
        let left = settle(&mut tx, volume.id).await?;
        tx.commit().await?;
        Ok(Some(left))
    }
}
