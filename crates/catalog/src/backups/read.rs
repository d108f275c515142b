//! Looking backups up.

use std::ops::Deref;

use sqlx::{FromRow, PgConnection};

use super::Backup;
use crate::page::{self, Column, Kind, Page, Query, Scope, Table, UnknownMarker};
use crate::{BackupId, Catalog, Result};

/// A backup with what its neighbours say about it.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct BackupView {
    /// The row.
    #[sqlx(flatten)]
    pub backup: Backup,
    /// Whether a finished increment to it is alive (API spec 4.3).
    pub has_dependents: bool,
}

/// What a list shows of a backup that shows no more than its name.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct BackupName {
    /// Its id.
    pub id: BackupId,
    /// Its name.
    pub name: Option<String>,
}

impl Deref for BackupView {
    type Target = Backup;

    fn deref(&self) -> &Backup {
        &self.backup
    }
}

/// The select list of [`BackupView`] over the alias `b`. The children are not asked for with EXISTS: where many
/// rows could follow, Postgres would rather look all backups through for children than each row's up, and it
/// decides so without regard to the page's length.
macro_rules! view_columns {
    () => {
        "b.id, b.project_id, b.user_id, b.volume_id, b.snapshot_id, b.parent_id, b.restore_volume_id, b.name,
         b.description, b.status, b.fail_reason, b.size_gib, b.object_count, b.container, b.availability_zone,
         b.host, b.service, b.service_metadata, b.checksums, b.encryption_key_id, b.metadata, b.data_timestamp, b.created_at,
         b.updated_at, b.deleted_at,
         COALESCE((SELECT true FROM backups AS child
                    WHERE child.parent_id = b.id AND child.deleted_at IS NULL
                      AND child.status IN ('available', 'restoring')
                    LIMIT 1), false) AS has_dependents"
    };
}

/// How backups are listed. The keys are the reference's column names, which are what its API sorts and
/// filters by (API spec 6.1); those of its columns that have no counterpart here are constant.
pub static TABLE: Table = Table {
    select: view_columns!(),
    from: "backups AS b",
    live: "b.deleted_at IS NULL",
    project: Some("b.project_id"),
    columns: &[
        Column::new("id", "b.id", Kind::Uuid),
        Column::new("created_at", "b.created_at", Kind::Time),
        Column::nullable("updated_at", "b.updated_at", Kind::Time),
        Column::new("status", "b.status", Kind::Text),
        Column::new("size", "b.size_gib", Kind::Integer),
        Column::new("volume_id", "b.volume_id", Kind::Uuid),
        Column::nullable("display_name", "b.name", Kind::Text),
        Column::nullable("display_description", "b.description", Kind::Text),
        Column::nullable("container", "b.container", Kind::Text),
        Column::new("object_count", "b.object_count", Kind::Integer),
        Column::nullable("availability_zone", "b.availability_zone", Kind::Text),
        Column::nullable("host", "b.host", Kind::Text),
        Column::nullable("service", "b.service", Kind::Text),
        Column::nullable("service_metadata", "b.service_metadata", Kind::Text),
        Column::nullable("fail_reason", "b.fail_reason", Kind::Text),
        Column::new("project_id", "b.project_id", Kind::Text),
        Column::new("user_id", "b.user_id", Kind::Text),
        Column::nullable("parent_id", "b.parent_id", Kind::Uuid),
        Column::nullable("snapshot_id", "b.snapshot_id", Kind::Uuid),
        Column::nullable("data_timestamp", "b.data_timestamp", Kind::Time),
        Column::nullable("restore_volume_id", "b.restore_volume_id", Kind::Uuid),
        Column::nullable("encryption_key_id", "b.encryption_key_id", Kind::Uuid),
        Column::new(
            "num_dependent_backups",
            "(SELECT count(*) FROM backups AS child
               WHERE child.parent_id = b.id AND child.deleted_at IS NULL
                 AND child.status IN ('available', 'restoring'))",
            Kind::Integer,
        ),
        Column::nullable("temp_volume_id", "NULL::uuid", Kind::Uuid),
        Column::nullable("temp_snapshot_id", "NULL::uuid", Kind::Uuid),
        Column::new("deleted", "(b.deleted_at IS NOT NULL)", Kind::Boolean),
        Column::nullable("deleted_at", "b.deleted_at", Kind::Time),
    ],
};

static NAMES: Table = Table { select: "b.id, b.name", ..TABLE };

impl Catalog {
    /// The live backup with this id, if it is in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn backup(&self, id: BackupId, scope: &Scope) -> Result<Option<BackupView>> {
        let mut connection = self.pool.acquire().await?;
        view(&mut connection, id, scope).await
    }

    /// One page of backups.
    ///
    /// # Errors
    /// The database failed; the inner error says that the marker is unknown.
    pub async fn backups(&self, query: &Query) -> Result<std::result::Result<Page<BackupView>, UnknownMarker>> {
        page::list(&self.pool, &TABLE, query).await
    }

    /// One page of backups, of which only the names are read.
    ///
    /// # Errors
    /// The database failed; the inner error says that the marker is unknown.
    pub async fn backup_names(&self, query: &Query) -> Result<std::result::Result<Page<BackupName>, UnknownMarker>> {
        page::list(&self.pool, &NAMES, query).await
    }

    /// How many finished increments to this backup are alive, for its record.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_dependents(&self, id: BackupId) -> Result<i64> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM backups
              WHERE parent_id = $1 AND deleted_at IS NULL AND status IN ('available', 'restoring')",
        )
        .bind(id)
        .fetch_one(&self.pool)
        .await?)
    }
}

/// As [`Catalog::backup`], within a transaction.
pub(crate) async fn view(tx: &mut PgConnection, id: BackupId, scope: &Scope) -> Result<Option<BackupView>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        view_columns!(),
        " FROM backups AS b
           WHERE b.id = $1 AND b.deleted_at IS NULL AND ($2::text IS NULL OR b.project_id = $2)"
    ))
    .bind(id)
    .bind(scope.project())
    .fetch_optional(tx)
    .await?)
}
