//! Looking snapshots up.

use sqlx::PgConnection;

use super::record::{Snapshot, snapshot_columns};
use crate::page::{self, Column, Kind, Page, Query, Scope, Table, UnknownMarker};
use crate::{Catalog, Result, SnapshotId};

/// How snapshots are listed. The keys are the reference's column names (API spec 6.1, 11.2).
pub static TABLE: Table = Table {
    select: snapshot_columns!(),
    from: "snapshots AS s",
    live: "s.deleted_at IS NULL",
    project: Some("s.project_id"),
    columns: &[
        Column::new("id", "s.id", Kind::Uuid),
        Column::new("created_at", "s.created_at", Kind::Time),
        Column::nullable("updated_at", "s.updated_at", Kind::Time),
        Column::new("status", "s.status", Kind::Text),
        Column::new("volume_size", "s.size_gib", Kind::Integer),
        Column::new("volume_id", "s.volume_id", Kind::Uuid),
        Column::nullable("display_name", "s.name", Kind::Text),
        Column::nullable("display_description", "s.description", Kind::Text),
        Column::nullable("progress", "s.progress", Kind::Text),
        Column::new("project_id", "s.project_id", Kind::Text),
        Column::new("user_id", "s.user_id", Kind::Text),
        Column::new(
            "availability_zone",
            "(SELECT v.availability_zone FROM volumes AS v WHERE v.id = s.volume_id)",
            Kind::Text,
        ),
        Column::nullable(
            "volume_type_id",
            "(SELECT v.volume_type_id FROM volumes AS v WHERE v.id = s.volume_id)",
            Kind::Uuid,
        ),
        Column::nullable("group_snapshot_id", "NULL::uuid", Kind::Uuid),
        Column::nullable("cgsnapshot_id", "NULL::uuid", Kind::Uuid),
        Column::nullable("encryption_key_id", "NULL::uuid", Kind::Uuid),
        Column::new("use_quota", "true::boolean", Kind::Boolean),
        Column::new("deleted", "(s.deleted_at IS NOT NULL)", Kind::Boolean),
        Column::nullable("deleted_at", "s.deleted_at", Kind::Time),
    ],
};

impl Catalog {
    /// The live snapshot with this id, if it is in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshot(&self, id: SnapshotId, scope: &Scope) -> Result<Option<Snapshot>> {
        let mut connection = self.pool.acquire().await?;
        find(&mut connection, id, scope).await
    }

    /// One page of snapshots.
    ///
    /// # Errors
    /// The database failed; the inner error says that the marker is unknown.
    pub async fn snapshots(&self, query: &Query) -> Result<std::result::Result<Page<Snapshot>, UnknownMarker>> {
        page::list(&self.pool, &TABLE, query).await
    }
}

/// The live snapshot with this id, if it is in the scope.
pub(crate) async fn find(tx: &mut PgConnection, id: SnapshotId, scope: &Scope) -> Result<Option<Snapshot>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        snapshot_columns!(),
        " FROM snapshots AS s
           WHERE s.id = $1 AND s.deleted_at IS NULL AND ($2::text IS NULL OR s.project_id = $2)"
    ))
    .bind(id)
    .bind(scope.project())
    .fetch_optional(tx)
    .await?)
}
