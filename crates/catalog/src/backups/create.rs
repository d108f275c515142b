//! Asking for a backup (API spec 5.3, 5.4).

use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};

use super::Status;
use super::read::{BackupView, view};
use crate::jobs::{self, JobSpec};
use crate::page::Scope;
use crate::quotas::{self, Exceeded, Resource};
use crate::snapshots::{self, Snapshot};
use crate::volumes::{self, Volume};
use crate::{BackupId, Catalog, Error, Metadata, ProjectId, Result, SnapshotId, Time, UserId, VolumeId};

/// How often a parent is chosen anew because the chosen one was changed at the same moment.
const PARENT_ATTEMPTS: usize = 5;

/// A backup that somebody asks for.
#[derive(Debug, Clone)]
pub struct NewBackup {
    /// The project that it will belong to: the caller's, which need not be the volume's.
    pub project: ProjectId,
    /// Who asks.
    pub user: UserId,
    /// What is backed up.
    pub volume: VolumeId,
    /// The snapshot to take the data from, instead of the volume as it stands.
    pub snapshot: Option<SnapshotId>,
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The pool that it should go to.
    pub container: Option<String>,
    /// The zone of the worker that should make it.
    pub availability_zone: Option<String>,
    /// The user's metadata.
    pub metadata: Metadata,
    /// Whether only what changed since an earlier backup is to be kept.
    pub incremental: bool,
    /// Whether the volume may be in use.
    pub force: bool,
}

/// Why no backup was begun, in the order in which the rules are applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateRejected {
    /// There is no such volume in the caller's sight.
    #[error("there is no volume {0}")]
    NoSuchVolume(VolumeId),
    /// There is no such snapshot in the caller's sight.
    #[error("there is no snapshot {0}")]
    NoSuchSnapshot(SnapshotId),
    /// The snapshot is another volume's.
    #[error("the snapshot is of volume {of}, not of {volume}")]
    SnapshotOfOther {
        /// The volume that was named.
        volume: VolumeId,
        /// The snapshot's volume.
        of: VolumeId,
    },
    /// The snapshot is not `available`.
    #[error("the snapshot is {0}")]
    SnapshotStatus(snapshots::Status),
    /// The volume is neither `available` nor `in-use`.
    #[error("the volume is {0}")]
    VolumeStatus(volumes::Status),
    /// The volume is `in-use` and the request does not insist.
    #[error("the volume is in use")]
    VolumeInUse,
    /// The project has no room for it.
    #[error(transparent)]
    Quota(#[from] Exceeded),
    /// There is no backup that an increment could be one to.
    #[error("there is no backup to be incremental to")]
    NoParent,
}

impl Catalog {
    /// Begins a backup: its row is `creating`, the volume or the snapshot is `backing-up`, the job is in the
    /// queue. The scope says which volumes and snapshots the caller can see.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_backup(
        &self,
        new: &NewBackup,
        scope: &Scope,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<BackupView, CreateRejected>> {
        let mut tx = self.pool.begin().await?;
        // rows are locked in the order in which everybody locks them: backups, volumes, snapshots; the rules
        // are applied in the spec's order afterwards
        let taken_from = match new.snapshot {
            Some(id) => snapshots::find(&mut tx, id, scope).await?,
            None => None,
        };
        let parent = if new.incremental {
            choose_parent(&mut tx, new, taken_from.as_ref().map(|snapshot| snapshot.created_at)).await?
        } else {
            None
        };
        let source = match lock_source(&mut tx, new, scope).await? {
            Ok(source) => source,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let size = i64::from(source.volume.size_gib);
        let wanted = [(Resource::Backups, 1), (Resource::BackupGigabytes, size)];
        if let Err(exceeded) = quotas::reserve(&mut tx, &new.project, &wanted).await? {
            return Ok(Err(exceeded.into()));
        }
        if new.incremental && parent.is_none() {
            return Ok(Err(CreateRejected::NoParent));
        }
        let id = BackupId::random();
        insert(&mut tx, id, new, &source, parent).await?;
        match &source.snapshot {
            Some(snapshot) => {
                sqlx::query("UPDATE snapshots SET status = $2, updated_at = now() WHERE id = $1")
                    .bind(snapshot.id)
                    .bind(snapshots::Status::BackingUp)
                    .execute(&mut *tx)
                    .await?;
            }
            None => {
                sqlx::query(
                    "UPDATE volumes SET previous_status = status, status = $2, updated_at = now() WHERE id = $1",
                )
                .bind(new.volume)
                .bind(volumes::Status::BackingUp)
                .execute(&mut *tx)
                .await?;
            }
        }
        let spec = JobSpec::BackupCreate { backup: id, volume: new.volume, incremental: new.incremental };
        jobs::enqueue(&mut tx, &spec, &new.project, request_id).await?;
        let made = view(&mut tx, id, &Scope::Every).await?;
        tx.commit().await?;
        made.map(Ok).ok_or_else(|| Error::Stale { table: "backups", id: id.to_string() })
    }
}

/// What is backed up, held until the transaction ends.
struct Source {
    volume: Volume,
    snapshot: Option<Snapshot>,
}

/// Locks volume and snapshot and applies the rules on them. With a snapshot the volume's status does not
/// matter.
async fn lock_source(
    tx: &mut PgConnection,
    new: &NewBackup,
    scope: &Scope,
) -> Result<std::result::Result<Source, CreateRejected>> {
    let Some(volume) = volumes::lock_in(tx, new.volume, scope).await? else {
        return Ok(Err(CreateRejected::NoSuchVolume(new.volume)));
    };
    let Some(id) = new.snapshot else {
        return Ok(match volume.status {
            volumes::Status::Available => Ok(Source { volume, snapshot: None }),
            volumes::Status::InUse if new.force => Ok(Source { volume, snapshot: None }),
            volumes::Status::InUse => Err(CreateRejected::VolumeInUse),
            status => Err(CreateRejected::VolumeStatus(status)),
        });
    };
    let Some(snapshot) = snapshots::lock_in(tx, id, scope).await? else {
        return Ok(Err(CreateRejected::NoSuchSnapshot(id)));
    };
    if snapshot.volume_id != new.volume {
        return Ok(Err(CreateRejected::SnapshotOfOther { volume: new.volume, of: snapshot.volume_id }));
    }
    if snapshot.status != snapshots::Status::Available {
        return Ok(Err(CreateRejected::SnapshotStatus(snapshot.status)));
    }
    Ok(Ok(Source { volume, snapshot: Some(snapshot) }))
}

async fn insert(
    tx: &mut PgConnection,
    id: BackupId,
    new: &NewBackup,
    source: &Source,
    parent: Option<BackupId>,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO backups (id, project_id, user_id, volume_id, snapshot_id, parent_id, name, description, status,
                              size_gib, container, availability_zone, encryption_key_id, metadata, data_timestamp)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, COALESCE($15, now()))",
    )
    .bind(id)
    .bind(&new.project)
    .bind(&new.user)
    .bind(new.volume)
    .bind(new.snapshot)
    .bind(parent)
    .bind(&new.name)
    .bind(&new.description)
    .bind(Status::Creating)
    .bind(source.volume.size_gib)
    .bind(&new.container)
    .bind(&new.availability_zone)
    .bind(source.volume.encryption_key_id)
    .bind(Json(&new.metadata))
    .bind(source.snapshot.as_ref().map(|snapshot| snapshot.created_at))
    .execute(tx)
    .await?;
    Ok(())
}

/// Chooses the backup that the new one will be an increment to, and keeps it from being deleted until the
/// transaction ends. The worker has the last word: it looks at what is really there.
async fn choose_parent(tx: &mut PgConnection, new: &NewBackup, snapshot_at: Option<Time>) -> Result<Option<BackupId>> {
    for _ in 0..PARENT_ATTEMPTS {
        let Some(best) = best_candidate(tx, new, snapshot_at).await? else { return Ok(None) };
        if best.status != Status::Available {
            return Ok(None);
        }
        let held: Option<(BackupId,)> =
            sqlx::query_as("SELECT id FROM backups WHERE id = $1 AND status = $2 AND deleted_at IS NULL FOR SHARE")
                .bind(best.id)
                .bind(Status::Available)
                .fetch_optional(&mut *tx)
                .await?;
        if held.is_some() {
            return Ok(Some(best.id));
        }
    }
    Ok(None)
}

#[derive(FromRow)]
struct Candidate {
    id: BackupId,
    status: Status,
}

/// The volume's backup with the latest data among those that count: available, and for a snapshot older than
/// it. Where none counts, all tie and the newest is the one (API spec 5.4, D1): that is how an increment of
/// a snapshot is accepted although every backup is newer than the snapshot.
async fn best_candidate(
    tx: &mut PgConnection,
    new: &NewBackup,
    snapshot_at: Option<Time>,
) -> Result<Option<Candidate>> {
    Ok(sqlx::query_as(
        "SELECT id, status
           FROM backups
          WHERE volume_id = $1 AND project_id = $2 AND deleted_at IS NULL
          ORDER BY CASE WHEN status = $3 AND ($4::timestamptz IS NULL OR data_timestamp < $4)
                        THEN data_timestamp END DESC NULLS LAST,
                   created_at DESC, id DESC
          LIMIT 1",
    )
    .bind(new.volume)
    .bind(&new.project)
    .bind(Status::Available)
    .bind(snapshot_at)
    .fetch_optional(tx)
    .await?)
}
