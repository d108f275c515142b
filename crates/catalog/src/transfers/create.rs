//! Offering a volume.

use uuid::Uuid;

use super::Transfer;
use super::delete::end;
use super::read::find;
use crate::page::Scope;
use crate::volumes::{self, Status};
use crate::{Catalog, Error, Result, SnapshotId, TransferId, VolumeId};

/// A transfer that somebody asks for.
#[derive(Debug, Clone)]
pub struct NewTransfer {
    /// The volume.
    pub volume: VolumeId,
    /// What it is to be called.
    pub name: Option<String>,
    /// Whether the volume's snapshots stay where they are.
    pub no_snapshots: bool,
}

/// A transfer, and the key that is told this once.
#[derive(Debug, Clone)]
pub struct Created {
    /// The row.
    pub transfer: Transfer,
    /// What the other project has to know.
    pub auth_key: String,
}

/// Why a volume is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreateRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no such volume")]
    NotFound,
    /// Only an `available` volume can be handed over.
    #[error("the volume is not available")]
    Status,
    /// A snapshot that is to go with it is not `available`.
    #[error("snapshot {0} is not available")]
    SnapshotStatus(SnapshotId),
}

impl Catalog {
    /// Offers a volume: it is `awaiting-transfer` until somebody takes it or its project takes it back.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_transfer(
        &self,
        new: &NewTransfer,
        scope: &Scope,
    ) -> Result<std::result::Result<Created, CreateRejected>> {
        let mut tx = self.pool.begin().await?;
        let Some(volume) = volumes::lock_in(&mut tx, new.volume, scope).await? else {
            return Ok(Err(CreateRejected::NotFound));
        };
        if volume.status != Status::Available {
            return Ok(Err(CreateRejected::Status));
        }
        if !new.no_snapshots {
            let busy: Option<SnapshotId> = sqlx::query_scalar(
                "SELECT id FROM snapshots
                  WHERE volume_id = $1 AND deleted_at IS NULL AND status <> 'available'
                  ORDER BY created_at
                  LIMIT 1",
            )
            .bind(volume.id)
            .fetch_optional(&mut *tx)
            .await?;
            if let Some(id) = busy {
                return Ok(Err(CreateRejected::SnapshotStatus(id)));
            }
        }
        // an offer that an administrator's reset of the volume has made void
        end(&mut tx, volume.id).await?;
        // the random half of a random id: as long as the reference's keys
        let auth_key = Uuid::new_v4().simple().to_string().split_off(16);
        let id = TransferId::random();
        sqlx::query(
            "INSERT INTO volume_transfers (id, volume_id, name, key_hash, no_snapshots, source_project_id)
             VALUES ($1, $2, $3, sha256(convert_to($1::text || $4, 'UTF8')), $5, $6)",
        )
        .bind(id)
        .bind(volume.id)
        .bind(&new.name)
        .bind(&auth_key)
        .bind(new.no_snapshots)
        .bind(&volume.project_id)
        .execute(&mut *tx)
        .await?;
        volumes::set_status(&mut tx, volume.id, Status::AwaitingTransfer).await?;
        let transfer = find(&mut tx, id, scope)
            .await?
            .ok_or_else(|| Error::Stale { table: "volume_transfers", id: id.to_string() })?;
        tx.commit().await?;
        Ok(Ok(Created { transfer, auth_key }))
    }
}
