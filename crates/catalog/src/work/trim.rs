//! What older backups have left on a volume.

use sqlx::{FromRow, PgConnection};

use crate::backups::{Backup, DRIVER};
use crate::jobs::{self, JobSpec};
use crate::{BackupId, Catalog, ProjectId, Result, VolumeId};

/// Backups of a volume of which an increment can take any as its parent: those of a project in a container.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Siblings {
    /// The project.
    pub project_id: ProjectId,
    /// The container.
    pub container: Option<String>,
    /// The backups, all of which are complete, and none of which is known to be damaged.
    pub backups: Vec<BackupId>,
}

/// Has the volume of a backup that was just made looked at, where there may be anything and nobody is about to.
pub(super) async fn enqueue(tx: &mut PgConnection, made: &Backup, request_id: Option<&str>) -> Result<()> {
    let (wanted,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM backups
                         WHERE volume_id = $1 AND id <> $2 AND status = 'available' AND deleted_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM jobs WHERE target_id = $1 AND kind = 'source_trim' AND state = 'ready')",
    )
    .bind(made.volume_id)
    .bind(made.id)
    .fetch_one(&mut *tx)
    .await?;
    if wanted {
        jobs::enqueue(tx, &JobSpec::SourceTrim { volume: made.volume_id }, &made.project_id, request_id).await?;
    }
    Ok(())
}

impl Catalog {
    /// The complete backups of a volume that are ours, by what an increment chooses its parent among. Not those that are
    /// damaged, or the marker of the newest sound one would go for the sake of theirs.
    ///
    /// # Errors
    /// The database failed.
    pub async fn siblings(&self, volume: VolumeId) -> Result<Vec<Siblings>> {
        Ok(sqlx::query_as(
            "SELECT project_id, container, array_agg(id) AS backups FROM backups
              WHERE volume_id = $1 AND status IN ('available', 'restoring') AND deleted_at IS NULL
                AND verify_result IS DISTINCT FROM 'damaged' AND starts_with($2, service)
              GROUP BY project_id, container",
        )
        .bind(volume)
        .bind(DRIVER)
        .fetch_all(&self.pool)
        .await?)
    }
}
