//! Looking volume types up.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::page::{self, Column, Kind, Page, Query, Scope, Table, UnknownMarker};
use crate::{Catalog, Metadata, Result, Time, VolumeTypeId};

/// A volume type's row.
#[derive(Debug, Clone, FromRow)]
pub struct VolumeType {
    /// The type's id.
    pub id: VolumeTypeId,
    /// Its name, unique among the live ones.
    pub name: String,
    /// The administrator's description.
    pub description: Option<String>,
    /// Whether everybody may see and use it; otherwise only administrators.
    pub is_public: bool,
    /// What it asks of a backend.
    #[sqlx(json)]
    pub extra_specs: Metadata,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Option<Time>,
    /// When it was deleted.
    pub deleted_at: Option<Time>,
}

/// The select list of [`VolumeType`] over the alias `t`.
macro_rules! type_columns {
    () => {
        "t.id, t.name, t.description, t.is_public, t.extra_specs, t.created_at, t.updated_at, t.deleted_at"
    };
}
pub(super) use type_columns;

/// How volume types are listed.
pub static TABLE: Table = Table {
    select: type_columns!(),
    from: "volume_types AS t",
    live: "t.deleted_at IS NULL",
    project: None,
    columns: &[
        Column::new("id", "t.id", Kind::Uuid),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::nullable("updated_at", "t.updated_at", Kind::Time),
        Column::new("name", "t.name", Kind::Text),
        Column::nullable("description", "t.description", Kind::Text),
        Column::new("is_public", "t.is_public", Kind::Boolean),
    ],
};

impl Catalog {
    /// One page of volume types. Whether private ones are seen is for the query's filters to say.
    ///
    /// # Errors
    /// The database failed; the inner error says that the marker is unknown.
    pub async fn volume_types(&self, query: &Query) -> Result<std::result::Result<Page<VolumeType>, UnknownMarker>> {
        page::list(&self.pool, &TABLE, query).await
    }

    /// The live volume type with this id, if it is public, if whoever sees this scope sees every type, or if the
    /// scope's project was let use it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volume_type(&self, id: VolumeTypeId, scope: &Scope) -> Result<Option<VolumeType>> {
        let mut connection = self.pool.acquire().await?;
        by_id(&mut connection, id, Viewer::of(scope)).await
    }

    /// The type of a volume for which nobody named one; `None` only where there are no types.
    ///
    /// # Errors
    /// The database failed.
    pub async fn default_volume_type(&self) -> Result<Option<VolumeType>> {
        let mut connection = self.pool.acquire().await?;
        default(&mut connection).await
    }
}

/// The projects that may use the type of the alias `t`.
pub const PROJECTS: &str = "SELECT a.project_id FROM volume_type_access AS a WHERE a.volume_type_id = t.id";

/// Who looks for a type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Viewer<'a> {
    /// Somebody who sees those that are not public, too.
    Everything,
    /// Somebody in this project.
    Project(&'a str),
}

impl<'a> Viewer<'a> {
    pub(crate) fn of(scope: &'a Scope) -> Self {
        scope.project().map_or(Self::Everything, Self::Project)
    }

    fn project(self) -> Option<&'a str> {
        match self {
            Self::Everything => None,
            Self::Project(project) => Some(project),
        }
    }
}

/// Whether the type of the alias `t` is there for [`Viewer::project`], bound as `$1`.
macro_rules! visible {
    () => {
        "(t.is_public OR $1::text IS NULL
          OR EXISTS (SELECT 1 FROM volume_type_access AS a WHERE a.volume_type_id = t.id AND a.project_id = $1))"
    };
}

/// The names of the live types that are there for who looks, the newest first.
pub(crate) async fn names(connection: &mut PgConnection, viewer: Viewer<'_>) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(concat!(
        "SELECT t.name FROM volume_types AS t WHERE t.deleted_at IS NULL AND ",
        visible!(),
        " ORDER BY t.created_at DESC, t.id"
    ))
    .bind(viewer.project())
    .fetch_all(connection)
    .await?)
}

/// The live type with this id, if it is there for who looks.
pub(super) async fn by_id(
    connection: &mut PgConnection,
    id: VolumeTypeId,
    viewer: Viewer<'_>,
) -> Result<Option<VolumeType>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        type_columns!(),
        " FROM volume_types AS t WHERE t.id = $2 AND t.deleted_at IS NULL AND ",
        visible!()
    ))
    .bind(viewer.project())
    .bind(id)
    .fetch_optional(connection)
    .await?)
}

/// The type of a volume for which nobody named one, whatever its name is by now, public or not. It can not be deleted.
pub(crate) async fn default(connection: &mut PgConnection) -> Result<Option<VolumeType>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        type_columns!(),
        " FROM volume_types AS t WHERE t.is_default AND t.deleted_at IS NULL"
    ))
    .fetch_optional(connection)
    .await?)
}

/// The live type with this id or, failing that, this name, if it is there for who looks. It can not be deleted
/// until the transaction ends.
pub(crate) async fn resolve(tx: &mut PgConnection, word: &str, viewer: Viewer<'_>) -> Result<Option<VolumeType>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        type_columns!(),
        " FROM volume_types AS t
           WHERE (t.id = $2 OR t.name = $3) AND t.deleted_at IS NULL AND ",
        visible!(),
        " ORDER BY t.id IS NOT DISTINCT FROM $2 DESC
           LIMIT 1
             FOR KEY SHARE"
    ))
    .bind(viewer.project())
    .bind(Uuid::try_parse(word).ok())
    .bind(word)
    .fetch_optional(tx)
    .await?)
}
