//! Looking attachments up.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Attachment, attachment_columns};
use crate::page::{self, Column, Kind, Page, Query, Scope, Table, UnknownMarker};
use crate::volumes::{self, Volume};
use crate::{Catalog, Result, VolumeId};

/// How attachments are listed. The keys are the reference's column names.
pub static TABLE: Table = Table {
    select: attachment_columns!(),
    from: "attachments AS a JOIN volumes AS v ON v.id = a.volume_id",
    live: "a.detached_at IS NULL AND v.deleted_at IS NULL",
    project: Some("v.project_id"),
    columns: &[
        Column::new("id", "a.id", Kind::Uuid),
        Column::new("created_at", "a.created_at", Kind::Time),
        Column::new("volume_id", "a.volume_id", Kind::Uuid),
        Column::new("attach_status", "a.status", Kind::Text),
        Column::nullable("instance_uuid", "a.instance_uuid", Kind::Uuid),
        Column::nullable("attached_host", "a.host_name", Kind::Text),
        Column::nullable("mountpoint", "a.mountpoint", Kind::Text),
        Column::nullable("attach_mode", "a.mode", Kind::Text),
        Column::nullable("attach_time", "a.attached_at", Kind::Time),
        Column::new("project_id", "v.project_id", Kind::Text),
    ],
};

impl Catalog {
    /// The live attachment with this id, if its volume is in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn attachment(&self, id: Uuid, scope: &Scope) -> Result<Option<Attachment>> {
        let mut connection = self.pool.acquire().await?;
        find(&mut connection, id, scope).await
    }

    /// One page of attachments.
    ///
    /// # Errors
    /// The database failed; the inner error says that the marker is unknown.
    pub async fn attachments(&self, query: &Query) -> Result<std::result::Result<Page<Attachment>, UnknownMarker>> {
        page::list(&self.pool, &TABLE, query).await
    }
}

/// The live attachment with this id, if its volume is in the scope.
pub(super) async fn find(tx: &mut PgConnection, id: Uuid, scope: &Scope) -> Result<Option<Attachment>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        attachment_columns!(),
        " FROM attachments AS a
            JOIN volumes AS v ON v.id = a.volume_id
           WHERE a.id = $1 AND a.detached_at IS NULL AND v.deleted_at IS NULL
             AND ($2::text IS NULL OR v.project_id = $2)"
    ))
    .bind(id)
    .bind(scope.project())
    .fetch_optional(tx)
    .await?)
}

/// As [`find`], with its volume, locked until the transaction ends: only who holds that changes its attachments.
pub(super) async fn lock(tx: &mut PgConnection, id: Uuid, scope: &Scope) -> Result<Option<(Attachment, Volume)>> {
    let Some(seen) = find(tx, id, scope).await? else { return Ok(None) };
    let Some(volume) = volumes::lock_in(tx, seen.volume_id, scope).await? else { return Ok(None) };
    // it may have ended while the lock was waited for
    Ok(find(tx, id, scope).await?.map(|attachment| (attachment, volume)))
}

/// The live attachments of these volumes, oldest first.
pub(crate) async fn of_volumes(tx: &mut PgConnection, volumes: &[VolumeId]) -> Result<Vec<Attachment>> {
    let ids: Vec<Uuid> = volumes.iter().map(|volume| volume.0).collect();
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        attachment_columns!(),
        " FROM attachments AS a
            JOIN volumes AS v ON v.id = a.volume_id
           WHERE a.volume_id = ANY($1) AND a.detached_at IS NULL
           ORDER BY a.created_at, a.id"
    ))
    .bind(ids)
    .fetch_all(tx)
    .await?)
}
