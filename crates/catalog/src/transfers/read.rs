//! Looking transfers up.

use sqlx::{FromRow, PgConnection};

use crate::page::{self, Column, Kind, Page, Query, Scope, Table, UnknownMarker};
use crate::{Catalog, ProjectId, Result, Time, TransferId, VolumeId};

/// A transfer's row; the fields are the columns.
#[derive(Debug, Clone, FromRow)]
pub struct Transfer {
    /// Its id.
    pub id: TransferId,
    /// The volume.
    pub volume_id: VolumeId,
    /// What its maker calls it.
    pub name: Option<String>,
    /// Whether the volume's snapshots stay with the old project.
    pub no_snapshots: bool,
    /// Whose the volume was.
    pub source_project_id: ProjectId,
    /// Whose it became.
    pub destination_project_id: Option<ProjectId>,
    /// Whether somebody took it.
    pub accepted: bool,
    /// When it was made.
    pub created_at: Time,
}

/// The select list of [`Transfer`] over the alias `r`.
macro_rules! transfer_columns {
    () => {
        "r.id, r.volume_id, r.name, r.no_snapshots, r.source_project_id, r.destination_project_id, r.accepted,
         r.created_at"
    };
}

/// How transfers are listed.
pub static TABLE: Table = Table {
    select: transfer_columns!(),
    from: "volume_transfers AS r",
    live: "r.deleted_at IS NULL",
    project: Some("r.source_project_id"),
    columns: &[
        Column::new("id", "r.id", Kind::Uuid),
        Column::new("created_at", "r.created_at", Kind::Time),
        Column::nullable("display_name", "r.name", Kind::Text),
        Column::new("volume_id", "r.volume_id", Kind::Uuid),
        Column::new("source_project_id", "r.source_project_id", Kind::Text),
        Column::new("project_id", "r.source_project_id", Kind::Text),
    ],
};

impl Catalog {
    /// The transfer with this id, if its volume is in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn transfer(&self, id: TransferId, scope: &Scope) -> Result<Option<Transfer>> {
        let mut connection = self.pool.acquire().await?;
        find(&mut connection, id, scope).await
    }

    /// One page of transfers.
    ///
    /// # Errors
    /// The database failed; the inner error says that the marker is unknown.
    pub async fn transfers(&self, query: &Query) -> Result<std::result::Result<Page<Transfer>, UnknownMarker>> {
        page::list(&self.pool, &TABLE, query).await
    }
}

/// The transfer with this id, if its volume is in the scope.
pub(super) async fn find(tx: &mut PgConnection, id: TransferId, scope: &Scope) -> Result<Option<Transfer>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        transfer_columns!(),
        " FROM volume_transfers AS r
           WHERE r.id = $1 AND r.deleted_at IS NULL AND ($2::text IS NULL OR r.source_project_id = $2)"
    ))
    .bind(id)
    .bind(scope.project())
    .fetch_optional(tx)
    .await?)
}
