//! A backup that was found to be damaged, by whatever reads it.

use sqlx::PgConnection;

use super::reason;
use crate::backups::{Backup, VerifyResult};
use crate::jobs::{self, JobSpec};
use crate::messages::{self, Action, Detail, NewMessage};
use crate::{BackupId, ProjectId, Result, Time};

/// Marks it: nothing is restored from it any more, no increment builds upon it, and its project is told. One that is
/// being restored becomes `error` when the restore ends. The volume's other backups, which may lie in the same
/// damaged object, are verified next, unless they were since.
pub(super) async fn mark(
    tx: &mut PgConnection,
    backup: &Backup,
    why: &str,
    since: Time,
    request_id: Option<&str>,
) -> Result<()> {
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
          WHERE volume_id = $1 AND id <> $2 AND status = 'available' AND deleted_at IS NULL
            AND (verified_at IS NULL OR verified_at < $3)
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

/// Has a backup verified that may be damaged, unless that is in the queue.
pub(super) async fn suspect(tx: &mut PgConnection, id: BackupId, request_id: Option<&str>) -> Result<()> {
    let project: Option<ProjectId> = sqlx::query_scalar(
        "SELECT project_id FROM backups AS b
          WHERE id = $1 AND status IN ('available', 'restoring') AND deleted_at IS NULL
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
