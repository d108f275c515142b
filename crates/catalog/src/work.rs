//! What a worker reads when it begins a job, and what it records when the job has ended.
//!
//! Each `finish_…` and `fail_…` is one transaction: it changes the records, and takes the job out of the
//! queue ([`crate::jobs::end`]); when the job is no longer the worker's, nothing is changed. A record that
//! has been changed by somebody else in the meantime (an administrator's reset, say) is left as it is.

mod backup;
mod damage;
mod delete;
mod import;
mod restore;
mod scrub;
mod snapshot;
mod trim;
mod verify;
mod volume;

pub use backup::{BackupOutcome, BackupWork, Parent};
pub use delete::DeleteWork;
pub use import::{ImportUnfit, ImportedFields};
pub use restore::{RestoreWork, RestoredMetadata};
pub use trim::Siblings;
pub use verify::{Verdict, VerifyWork};

pub(crate) use backup::backup_failed;
pub(crate) use restore::restore_failed;

use sqlx::PgConnection;

use crate::backups::Backup;
use crate::jobs::Job;
use crate::volumes::Volume;
use crate::{BackupId, ProjectId, Result, VolumeId};

/// The select list of [`Backup`] over the alias `b`.
macro_rules! backup_columns {
    () => {
        "b.id, b.project_id, b.user_id, b.volume_id, b.snapshot_id, b.parent_id, b.restore_volume_id, b.name,
         b.description, b.status, b.fail_reason, b.size_gib, b.object_count, b.container, b.availability_zone,
         b.host, b.service, b.service_metadata, b.checksums, b.encryption_key_id, b.metadata, b.data_timestamp, b.created_at,
         b.updated_at, b.deleted_at"
    };
}

/// Who does the work, as it is recorded with a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// The host's name.
    pub host: String,
    /// The availability zone.
    pub zone: String,
    /// The driver class that is recorded as `service` (format spec 6.2).
    pub service: String,
}

/// Who asked for something, and is told what became of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) project_id: &'a ProjectId,
    pub(crate) request_id: Option<&'a str>,
}

impl<'a> Asker<'a> {
    fn of(job: &'a Job) -> Self {
        Self { project_id: &job.project_id, request_id: job.request_id.as_deref() }
    }
}

/// A backup's row, also of one that has been deleted: its volume may still have to be given back.
async fn backup_row(tx: &mut PgConnection, id: BackupId) -> Result<Option<Backup>> {
    Ok(sqlx::query_as(concat!("SELECT ", backup_columns!(), " FROM backups AS b WHERE b.id = $1 FOR UPDATE"))
        .bind(id)
        .fetch_optional(tx)
        .await?)
}

/// A live volume's row.
async fn volume_row(tx: &mut PgConnection, id: VolumeId) -> Result<Option<Volume>> {
    crate::volumes::lock(tx, id).await
}

/// A failure's text as it fits into `fail_reason`.
fn reason(text: &str) -> String {
    const LIMIT: usize = 255;
    if text.chars().count() <= LIMIT {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(LIMIT - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_to_what_the_column_holds() {
        assert_eq!(reason("short"), "short");
        let long = reason(&"ä".repeat(300));
        assert_eq!(long.chars().count(), 255);
        assert!(long.ends_with('…'));
        assert_eq!(reason(&"x".repeat(255)).len(), 255);
    }
}
