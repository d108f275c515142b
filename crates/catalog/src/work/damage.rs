//! A backup that was found to be damaged, by whatever reads it.

use sqlx::PgConnection;

use super::reason;
use crate::backups::{Backup, VerifyResult};
use crate::jobs::{self, JobSpec};
use crate::messages::{self, Action, Detail, NewMessage};
use crate::{BackupId, ProjectId, Result, Time, VolumeId};

/// Marks it: nothing is restored from it any more, no increment builds upon it, and its project is told. One that is
/// being restored becomes `error` when the restore ends. The volume's other backups, which may lie in the same
/// damaged object, are verified next, unless they were since; one that is being made is by whoever records its end.
pub(super) async fn mark(
    tx: &mut PgConnection,
    backup: &Backup,
    why: &str,
    since: Time,
    request_id: Option<&str>,
) -> Result<()> {
    one_at_a_time(tx, backup.volume_id).await?;
    sqlx::query(
        "UPDATE backups
            SET status = CASE WHEN status = 'restoring' THEN status ELSE 'error' END, fail_reason = $2,
                verify_result = $3, verified_at = now(), verify_asked_at = now(), updated_at = now()
          WHERE id = $1",
    )
    .bind(backup.id)
    .bind(reason(why))
    .bind(VerifyResult::Damaged)
    .execute(&mut *tx)
    .await?;
    let message = NewMessage {
        project_id: backup.project_id.clone(),
        request_id: request_id.map(str::to_owned),
        resource_uuid: backup.id.0,
        action: Action::VerifyBackup,
        detail: Detail::BackupDamaged,
    };
    messages::add(tx, &message).await?;
    let others: Vec<(BackupId, ProjectId)> = sqlx::query_as(
        "SELECT id, project_id FROM backups AS b
          WHERE volume_id = $1 AND id <> $2 AND status IN ('available', 'restoring') AND deleted_at IS NULL
            AND verify_result IS DISTINCT FROM 'damaged' AND (verified_at IS NULL OR verified_at < $3)
            AND NOT EXISTS (SELECT 1 FROM jobs
                             WHERE target_id = b.id AND kind = 'backup_verify' AND state IN ('ready', 'running'))
          ORDER BY created_at",
    )
    .bind(backup.volume_id)
    .bind(backup.id)
    .bind(since)
    .fetch_all(&mut *tx)
    .await?;
    for (other, project) in others {
        jobs::enqueue(tx, &JobSpec::BackupVerify { backup: other }, &project, request_id).await?;
    }
    Ok(())
}

/// Whoever marks a backup and whoever has made another of its volume wait for each other until the transaction ends:
/// else neither may see the other's, as a verification holds no keys. Taken after the backup's row and before a volume's.
pub(super) async fn one_at_a_time(tx: &mut PgConnection, volume: VolumeId) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('damage:' || $1, 0))")
        .bind(volume.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Whether a backup that was just made in another's image may share what is damaged: its parent is, or one of the
/// volume's others was found to be since it was asked for.
pub(super) async fn may_be_shared(tx: &mut PgConnection, made: &Backup, parent: Option<BackupId>) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM backups WHERE id = $1 AND verify_result = 'damaged')
             OR EXISTS (SELECT 1 FROM backups
                         WHERE volume_id = $2 AND id <> $3 AND deleted_at IS NULL AND verify_result = 'damaged'
                           AND verified_at >= $4)",
    )
    .bind(parent)
    .bind(made.volume_id)
    .bind(made.id)
    .bind(made.created_at)
    .fetch_one(tx)
    .await?)
}

/// Has a backup verified that may be damaged, unless that is in the queue.
pub(super) async fn suspect(tx: &mut PgConnection, id: BackupId, request_id: Option<&str>) -> Result<()> {
    let project: Option<ProjectId> = sqlx::query_scalar(
        "SELECT project_id FROM backups AS b
          WHERE id = $1 AND status IN ('available', 'restoring') AND deleted_at IS NULL
            AND verify_result IS DISTINCT FROM 'damaged'
            AND NOT EXISTS (SELECT 1 FROM jobs
                             WHERE target_id = b.id AND kind = 'backup_verify' AND state IN ('ready', 'running'))",
    )
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(project) = project {
        jobs::enqueue(tx, &JobSpec::BackupVerify { backup: id }, &project, request_id).await?;
    }
    Ok(())
}
