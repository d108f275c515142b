//! Which projects may see and use a type that is not public (API spec 11.3).

use sqlx::PgConnection;

use super::read::{Viewer, by_id};
use crate::{Catalog, ProjectId, Result, VolumeTypeId};

/// Why the list of a type's projects was not shown or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessRejected {
    /// There is no such type.
    #[error("there is no such volume type")]
    NoSuchType,
    /// Everybody may use the type, there is no list.
    #[error("the volume type is public")]
    Public,
    /// The project is on the list already.
    #[error("the project may use the volume type already")]
    Exists,
    /// The project is not on the list.
    #[error("the project is not among those that may use the volume type")]
    NotFound,
}

impl Catalog {
    /// The projects that may use a type which is not public.
    ///
    /// # Errors
    /// The database failed.
    pub async fn projects_of_volume_type(
        &self,
        id: VolumeTypeId,
    ) -> Result<std::result::Result<Vec<ProjectId>, AccessRejected>> {
        let mut connection = self.pool.acquire().await?;
        if let Some(rejected) = no_list(&mut connection, id).await? {
            return Ok(Err(rejected));
        }
        Ok(Ok(sqlx::query_scalar(
            "SELECT project_id FROM volume_type_access WHERE volume_type_id = $1 ORDER BY created_at, project_id",
        )
        .bind(id)
        .fetch_all(&mut *connection)
        .await?))
    }

    /// Lets a project use a type which is not public.
    ///
    /// # Errors
    /// The database failed.
    pub async fn add_volume_type_access(
        &self,
        id: VolumeTypeId,
        project: &ProjectId,
    ) -> Result<std::result::Result<(), AccessRejected>> {
        let mut tx = self.pool.begin().await?;
        if let Some(rejected) = no_list(&mut tx, id).await? {
            return Ok(Err(rejected));
        }
        let added = sqlx::query(
            "INSERT INTO volume_type_access (volume_type_id, project_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(project)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        Ok(if added == 1 { Ok(()) } else { Err(AccessRejected::Exists) })
    }

    /// Takes from a project what [`add_volume_type_access`](Self::add_volume_type_access) gave it. Its volumes of
    /// the type stay as they are.
    ///
    /// # Errors
    /// The database failed.
    pub async fn remove_volume_type_access(
        &self,
        id: VolumeTypeId,
        project: &ProjectId,
    ) -> Result<std::result::Result<(), AccessRejected>> {
        let mut tx = self.pool.begin().await?;
        if let Some(rejected) = no_list(&mut tx, id).await? {
            return Ok(Err(rejected));
        }
        let removed = sqlx::query("DELETE FROM volume_type_access WHERE volume_type_id = $1 AND project_id = $2")
            .bind(id)
            .bind(project)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        tx.commit().await?;
        Ok(if removed == 1 { Ok(()) } else { Err(AccessRejected::NotFound) })
    }
}

/// Why the type has no list of projects.
async fn no_list(connection: &mut PgConnection, id: VolumeTypeId) -> Result<Option<AccessRejected>> {
    Ok(match by_id(connection, id, Viewer::Everything).await? {
        None => Some(AccessRejected::NoSuchType),
        Some(found) if found.is_public => Some(AccessRejected::Public),
        Some(_) => None,
    })
}
