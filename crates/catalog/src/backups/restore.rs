//! Asking for a restore (API spec 5.6).

use sqlx::PgConnection;

use super::record::lock_in;
use super::{Backup, Status};
use crate::jobs::{self, JobSpec};
use crate::page::Scope;
use crate::volumes::{self, NewVolume, Origin, Placement, Volume, VolumeView};
use crate::{BackupId, Catalog, Error, Metadata, ProjectId, Result, UserId, VolumeId, services};

/// The description of a volume that is made for a restore.
const DESCRIPTION: &str = "auto-created_from_restore_from_backup";

/// Where a backup is to be restored to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Onto this volume.
    Volume(VolumeId),
    /// To a volume that is made for it, of this name, or of one that says which backup it is from.
    New(Option<String>),
}

/// A restore that somebody asks for.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The backup.
    pub backup: BackupId,
    /// Where to.
    pub target: Target,
    /// The project that a new volume will belong to.
    pub project: ProjectId,
    /// Who asks.
    pub user: UserId,
}

/// What a restore writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoring {
    /// The volume.
    pub volume: VolumeId,
    /// Its name at this moment.
    pub name: Option<String>,
}

/// Why no restore was begun, in the order in which the rules are applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreRejected {
    /// There is no such backup in the caller's sight.
    #[error("there is no backup {0}")]
    NoSuchBackup(BackupId),
    /// The backup is not `available`.
    #[error("the backup is {0}")]
    Status(Status),
    /// The backup does not say how large it is.
    #[error("the backup has no size")]
    NoSize,
    /// No volume could be made for it.
    #[error(transparent)]
    NewVolume(#[from] volumes::CreateRejected),
    /// There is no such volume in the caller's sight.
    #[error("there is no volume {0}")]
    NoSuchVolume(VolumeId),
    /// The volume is not `available`.
    #[error("the volume is {0}")]
    VolumeStatus(volumes::Status),
    /// The volume is smaller than the backup.
    #[error("the volume's {volume_gib} GiB are less than the backup's {backup_gib} GiB")]
    TooSmall {
        /// The volume's size.
        volume_gib: i32,
        /// The backup's size.
        backup_gib: i32,
    },
    /// The volume that was made for it has no place: the pool has not what its type asks for.
    #[error("there is no pool for volume {0}")]
    NoPlace(VolumeId),
    /// There is no worker that could do it.
    #[error("there is no usable backup service")]
    NoService,
}

impl Catalog {
    /// Begins a restore: the backup is `restoring`, the volume, which may be new, is `restoring-backup`, the job
    /// is in the queue.
    ///
    /// # Errors
    /// The database failed.
    pub async fn restore_backup(
        &self,
        restore: &Restore,
        scope: &Scope,
        placement: &Placement,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<Restoring, RestoreRejected>> {
        let mut tx = self.pool.begin().await?;
        let backup = match lock_restorable(&mut tx, restore.backup, scope).await? {
            Ok(backup) => backup,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let target = match &restore.target {
            Target::Volume(id) => match lock_target(&mut tx, *id, scope, &backup).await? {
                Ok(volume) => Restoring { volume: volume.id, name: volume.name },
                Err(rejected) => return Ok(Err(rejected)),
            },
            Target::New(name) => {
                let name = name.clone().unwrap_or_else(|| format!("restore_backup_{}", backup.id));
                let new = NewVolume {
                    project: restore.project.clone(),
                    user: restore.user.clone(),
                    name: Some(name.clone()),
                    description: Some(DESCRIPTION.to_owned()),
                    size_gib: Some(backup.size_gib),
                    volume_type: None,
                    availability_zone: None,
                    metadata: Metadata::new(),
                    private_types: false,
                };
                match volumes::insert(&mut tx, &new, &Origin::default(), placement).await? {
                    Ok(inserted) if !inserted.fits => {
                        volumes::give_up(&mut tx, inserted.id, &restore.project, request_id).await?;
                        tx.commit().await?;
                        return Ok(Err(RestoreRejected::NoPlace(inserted.id)));
                    }
                    Ok(inserted) => Restoring { volume: inserted.id, name: Some(name) },
                    Err(rejected) => return Ok(Err(rejected.into())),
                }
            }
        };
        if services::usable_backup_service(&mut tx, backup.zone()).await?.is_none() {
            return Ok(Err(RestoreRejected::NoService));
        }
        let changed =
            sqlx::query("UPDATE volumes SET status = $2, updated_at = now() WHERE id = $1 AND status = ANY($3)")
                .bind(target.volume)
                .bind(volumes::Status::RestoringBackup)
                .bind([volumes::Status::Available, volumes::Status::Creating])
                .execute(&mut *tx)
                .await?
                .rows_affected();
        if changed != 1 {
            return Err(Error::Stale { table: "volumes", id: target.volume.to_string() });
        }
        let new_volume = matches!(restore.target, Target::New(_));
        begin(&mut tx, &backup, target.volume, new_volume, request_id).await?;
        tx.commit().await?;
        Ok(Ok(target))
    }

    /// Makes a volume from a backup (API spec 5.6, `POST /volumes` with `backup_id`): the volume stays `creating`
    /// while the backup is `restoring`. The volume's size is the backup's where `new` names none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_volume_from_backup(
        &self,
        new: &NewVolume,
        backup: BackupId,
        scope: &Scope,
        placement: &Placement,
        request_id: Option<&str>,
    ) -> Result<std::result::Result<VolumeView, volumes::CreateRejected>> {
        let mut tx = self.pool.begin().await?;
        let backup = match lock_restorable(&mut tx, backup, scope).await? {
            Ok(backup) => backup,
            Err(RestoreRejected::NoSuchBackup(id)) => return Ok(Err(volumes::CreateRejected::NoSuchBackup(id))),
            Err(_) => return Ok(Err(volumes::CreateRejected::BackupStatus)),
        };
        let origin = Origin { backup: Some(backup.id), size_gib: Some(backup.size_gib), ..Origin::default() };
        let volume = match volumes::insert(&mut tx, new, &origin, placement).await? {
            Ok(inserted) => inserted,
            Err(rejected) => return Ok(Err(rejected)),
        };
        let made = volumes::view(&mut tx, volume.id).await?;
        if volume.fits {
            begin(&mut tx, &backup, volume.id, true, request_id).await?;
        } else {
            volumes::give_up(&mut tx, volume.id, &new.project, request_id).await?;
        }
        tx.commit().await?;
        made.map(Ok).ok_or_else(|| Error::Stale { table: "volumes", id: volume.id.to_string() })
    }
}

/// Locks a backup that can be restored.
async fn lock_restorable(
    tx: &mut PgConnection,
    id: BackupId,
    scope: &Scope,
) -> Result<std::result::Result<Backup, RestoreRejected>> {
    let Some(backup) = lock_in(tx, id, scope).await? else { return Ok(Err(RestoreRejected::NoSuchBackup(id))) };
    if backup.status != Status::Available {
        return Ok(Err(RestoreRejected::Status(backup.status)));
    }
    if backup.size_gib <= 0 {
        return Ok(Err(RestoreRejected::NoSize));
    }
    Ok(Ok(backup))
}

/// Locks the volume that a backup is to be restored onto.
async fn lock_target(
    tx: &mut PgConnection,
    id: VolumeId,
    scope: &Scope,
    backup: &Backup,
) -> Result<std::result::Result<Volume, RestoreRejected>> {
    let Some(volume) = volumes::lock_in(tx, id, scope).await? else {
        return Ok(Err(RestoreRejected::NoSuchVolume(id)));
    };
    if volume.status != volumes::Status::Available {
        return Ok(Err(RestoreRejected::VolumeStatus(volume.status)));
    }
    if volume.size_gib < backup.size_gib {
        let (volume_gib, backup_gib) = (volume.size_gib, backup.size_gib);
        return Ok(Err(RestoreRejected::TooSmall { volume_gib, backup_gib }));
    }
    Ok(Ok(volume))
}

/// Marks the locked backup as being restored and puts the job into the queue.
async fn begin(
    tx: &mut PgConnection,
    backup: &Backup,
    volume: VolumeId,
    new_volume: bool,
    request_id: Option<&str>,
) -> Result<()> {
    sqlx::query("UPDATE backups SET status = $2, restore_volume_id = $3, updated_at = now() WHERE id = $1")
        .bind(backup.id)
        .bind(Status::Restoring)
        .bind(volume)
        .execute(&mut *tx)
        .await?;
    let spec = JobSpec::BackupRestore { backup: backup.id, volume, new_volume };
    jobs::enqueue(tx, &spec, &backup.project_id, request_id).await?;
    Ok(())
}
