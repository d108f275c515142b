//! Looking volumes up.

use std::collections::HashMap;
use std::ops::Deref;

use sqlx::{FromRow, PgConnection};

use super::record::{Volume, volume_columns};
use crate::attachments::{self, Attachment};
use crate::page::{self, Column, Kind, Page, Query, Scope, Table, UnknownMarker};
use crate::{Catalog, Result, VolumeId};

/// A volume with what belongs to it.
#[derive(Debug, Clone, FromRow)]
pub struct VolumeView {
    /// The row.
    #[sqlx(flatten)]
    pub volume: Volume,
    /// The name of its type.
    pub volume_type: Option<String>,
    /// What it is attached to.
    #[sqlx(skip)]
    pub attachments: Vec<Attachment>,
}

impl Deref for VolumeView {
    type Target = Volume;

    fn deref(&self) -> &Volume {
        &self.volume
    }
}

/// The select list of [`VolumeView`] over the aliases `v` and `t`.
macro_rules! view_columns {
    () => {
        concat!(volume_columns!(), ", t.name AS volume_type")
    };
}

/// How volumes are listed. The keys are the reference's column names (API spec 6.1, 11.1).
pub static TABLE: Table = Table {
    select: view_columns!(),
    from: "volumes AS v LEFT JOIN volume_types AS t ON t.id = v.volume_type_id",
    live: "v.deleted_at IS NULL",
    project: Some("v.project_id"),
    columns: &[
        Column::new("id", "v.id", Kind::Uuid),
        Column::new("created_at", "v.created_at", Kind::Time),
        Column::nullable("updated_at", "v.updated_at", Kind::Time),
        Column::new("status", "v.status", Kind::Text),
        Column::new("size", "v.size_gib", Kind::Integer),
        Column::nullable("display_name", "v.name", Kind::Text),
        Column::nullable("display_description", "v.description", Kind::Text),
        Column::new("availability_zone", "v.availability_zone", Kind::Text),
        Column::new("bootable", "v.bootable", Kind::Boolean),
        Column::new("multiattach", "v.multiattach", Kind::Boolean),
        Column::new(
            "attach_status",
            // no EXISTS, for which Postgres might look all attachments through
            "COALESCE((SELECT 'attached' FROM attachments AS a
                        WHERE a.volume_id = v.id AND a.detached_at IS NULL AND a.status = 'attached' LIMIT 1),
                       'detached')",
            Kind::Text,
        ),
        Column::nullable("migration_status", "v.migration_status", Kind::Text),
        Column::nullable("host", "v.host", Kind::Text),
        Column::new("project_id", "v.project_id", Kind::Text),
        Column::new("user_id", "v.user_id", Kind::Text),
        Column::nullable("volume_type_id", "v.volume_type_id", Kind::Uuid),
        Column::nullable("snapshot_id", "v.snapshot_id", Kind::Uuid),
        Column::nullable("source_volid", "v.source_volume_id", Kind::Uuid),
        Column::nullable("encryption_key_id", "v.encryption_key_id", Kind::Uuid),
        Column::nullable("previous_status", "v.previous_status", Kind::Text),
        Column::nullable("launched_at", "v.launched_at", Kind::Time),
        Column::nullable("group_id", "NULL::uuid", Kind::Uuid),
        Column::nullable("consistencygroup_id", "NULL::uuid", Kind::Uuid),
        Column::nullable("replication_status", "NULL::text", Kind::Text),
        Column::new("use_quota", "true::boolean", Kind::Boolean),
        Column::new("deleted", "(v.deleted_at IS NOT NULL)", Kind::Boolean),
        Column::nullable("deleted_at", "v.deleted_at", Kind::Time),
    ],
};

impl Catalog {
    /// The live volume with this id, if it is in the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volume(&self, id: VolumeId, scope: &Scope) -> Result<Option<VolumeView>> {
        let mut connection = self.pool.acquire().await?;
        Ok(view(&mut connection, id)
            .await?
            .filter(|volume| scope.project().is_none_or(|project| project == volume.project_id.as_str())))
    }

    /// One page of volumes.
    ///
    /// # Errors
    /// The database failed; the inner error says that the marker is unknown.
    pub async fn volumes(&self, query: &Query) -> Result<std::result::Result<Page<VolumeView>, UnknownMarker>> {
        let mut page: Page<VolumeView> = match page::list(&self.pool, &TABLE, query).await? {
            Ok(page) => page,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let ids: Vec<VolumeId> = page.rows.iter().map(|row| row.id).collect();
        let mut connection = self.pool.acquire().await?;
        let mut attached: HashMap<VolumeId, Vec<Attachment>> = HashMap::new();
        for attachment in attachments::of_volumes(&mut connection, &ids).await? {
            attached.entry(attachment.volume_id).or_default().push(attachment);
        }
        for row in &mut page.rows {
            row.attachments = attached.remove(&row.volume.id).unwrap_or_default();
        }
        Ok(Ok(page))
    }
}

/// The live volume with this id.
pub(crate) async fn view(tx: &mut PgConnection, id: VolumeId) -> Result<Option<VolumeView>> {
    let row: Option<VolumeView> = sqlx::query_as(concat!(
        "SELECT ",
        view_columns!(),
        " FROM volumes AS v
            LEFT JOIN volume_types AS t ON t.id = v.volume_type_id
           WHERE v.id = $1 AND v.deleted_at IS NULL"
    ))
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(mut row) = row else { return Ok(None) };
    row.attachments = attachments::of_volumes(tx, &[id]).await?;
    Ok(Some(row))
}

/// The name of a volume's type.
pub(crate) async fn type_name(tx: &mut PgConnection, id: VolumeId) -> Result<Option<String>> {
    Ok(sqlx::query_scalar(
        "SELECT t.name FROM volumes AS v JOIN volume_types AS t ON t.id = v.volume_type_id WHERE v.id = $1",
    )
    .bind(id)
    .fetch_optional(tx)
    .await?)
}
