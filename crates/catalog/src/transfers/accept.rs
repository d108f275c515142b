//! Taking a volume that was offered.

use super::Transfer;
use super::read::find;
use crate::page::Scope;
use crate::quotas::{self, Exceeded, Resource};
use crate::volumes::{self, Status};
use crate::{Catalog, ProjectId, Result, TransferId, UserId};

/// Who takes a volume.
#[derive(Debug, Clone)]
pub struct Accepting {
    /// The transfer.
    pub transfer: TransferId,
    /// What they know.
    pub auth_key: String,
    /// The project that the volume will belong to.
    pub project: ProjectId,
    /// The user whose it will be.
    pub user: UserId,
}

/// Why a volume is not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptRejected {
    /// There is no such transfer.
    #[error("there is no such transfer")]
    NotFound,
    /// The key is another one.
    #[error("the key is wrong")]
    WrongKey,
    /// The volume is not `awaiting-transfer`.
    #[error("the volume is {0}, not awaiting-transfer")]
    Status(Status),
    /// The project has no room for it.
    #[error(transparent)]
    Quota(#[from] Exceeded),
}

impl Catalog {
    /// Makes an offered volume another project's, and its snapshots unless they are to stay.
    ///
    /// # Errors
    /// The database failed.
    pub async fn accept_transfer(
        &self,
        accepting: &Accepting,
    ) -> Result<std::result::Result<Transfer, AcceptRejected>> {
        let mut tx = self.pool.begin().await?;
        // the volume is locked first, as everywhere; then the offer is looked for again
        let Some(offered) = find(&mut tx, accepting.transfer, &Scope::Every).await? else {
            return Ok(Err(AcceptRejected::NotFound));
        };
        let volume = volumes::lock(&mut tx, offered.volume_id).await?;
        let (Some(volume), Some(transfer)) = (volume, find(&mut tx, accepting.transfer, &Scope::Every).await?) else {
            return Ok(Err(AcceptRejected::NotFound));
        };
        let (known,): (bool,) = sqlx::query_as(
            "SELECT key_hash = sha256(convert_to(id::text || $2, 'UTF8')) FROM volume_transfers WHERE id = $1",
        )
        .bind(transfer.id)
        .bind(&accepting.auth_key)
        .fetch_one(&mut *tx)
        .await?;
        if !known {
            return Ok(Err(AcceptRejected::WrongKey));
        }
        if volume.status != Status::AwaitingTransfer {
            return Ok(Err(AcceptRejected::Status(volume.status)));
        }
        let (snapshots, snapshot_gib): (i64, i64) = sqlx::query_as(
            "SELECT count(*), coalesce(sum(size_gib), 0) FROM snapshots
              WHERE volume_id = $1 AND deleted_at IS NULL AND NOT $2",
        )
        .bind(volume.id)
        .bind(transfer.no_snapshots)
        .fetch_one(&mut *tx)
        .await?;
        let gib = i64::from(volume.size_gib) + snapshot_gib;
        let mut wanted = vec![(Resource::Gigabytes, gib), (Resource::Volumes, 1), (Resource::Snapshots, snapshots)];
        if let Some(name) = volumes::type_name(&mut tx, volume.id).await? {
            wanted.push((Resource::GigabytesOfType(name.clone()), gib));
            wanted.push((Resource::VolumesOfType(name.clone()), 1));
            wanted.push((Resource::SnapshotsOfType(name), snapshots));
        }
        if let Err(exceeded) = quotas::reserve(&mut tx, &accepting.project, &wanted).await? {
            return Ok(Err(exceeded.into()));
        }
        sqlx::query("UPDATE volumes SET project_id = $2, user_id = $3, status = $4, updated_at = now() WHERE id = $1")
            .bind(volume.id)
            .bind(&accepting.project)
            .bind(&accepting.user)
            .bind(Status::Available)
            .execute(&mut *tx)
            .await?;
        if !transfer.no_snapshots {
            sqlx::query(
                "UPDATE snapshots SET project_id = $2, user_id = $3, updated_at = now()
                  WHERE volume_id = $1 AND deleted_at IS NULL",
            )
            .bind(volume.id)
            .bind(&accepting.project)
            .bind(&accepting.user)
            .execute(&mut *tx)
            .await?;
        }
        sqlx::query(
            "UPDATE volume_transfers SET accepted = true, destination_project_id = $2, deleted_at = now() WHERE id = $1",
        )
        .bind(transfer.id)
        .bind(&accepting.project)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Ok(transfer))
    }
}
