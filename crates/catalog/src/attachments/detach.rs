//! Detaching a volume (API spec 11.1, `os-detach`).

use uuid::Uuid;

use crate::page::Scope;
use crate::volumes;
use crate::{Catalog, Result, VolumeId};

/// Why a volume was not detached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DetachRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// The volume has no such attachment.
    #[error("the volume has no attachment {0}")]
    NoSuchAttachment(Uuid),
    /// It has several, and nobody said which is meant.
    #[error("the volume has several attachments")]
    Ambiguous,
}

impl Catalog {
    /// Ends an attachment; the only one when none is named. With the last one the volume is `available`
    /// again. A volume that is being backed up or grown keeps that status and is `available` afterwards. A
    /// volume without attachments is only freed of a status that says otherwise.
    ///
    /// # Errors
    /// The database failed.
    pub async fn detach_volume(
        &self,
        id: VolumeId,
        scope: &Scope,
        attachment: Option<Uuid>,
    ) -> Result<std::result::Result<(), DetachRejected>> {
        let mut tx = self.pool.begin().await?;
        if volumes::lock_in(&mut tx, id, scope).await?.is_none() {
            return Ok(Err(DetachRejected::NotFound));
        }
        let attached = super::of_volumes(&mut tx, &[id]).await?;
        if attachment.is_none() && attached.len() > 1 {
            return Ok(Err(DetachRejected::Ambiguous));
        }
        let ended = super::end(&mut tx, id, attachment).await?;
        if let Some(attachment) = attachment
            && ended == 0
        {
            return Ok(Err(DetachRejected::NoSuchAttachment(attachment)));
        }
        super::settle(&mut tx, id).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}
