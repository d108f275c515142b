//! Making, changing and deleting volume types.

use sqlx::types::Json;

use super::VolumeType;
use super::read::type_columns;
use crate::{Catalog, Metadata, Result, VolumeId, VolumeTypeId, quotas};

/// A volume type to be made.
#[derive(Debug, Clone)]
pub struct NewVolumeType {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Whether everybody may see and use it.
    pub is_public: bool,
    /// What it asks of a backend.
    pub extra_specs: Metadata,
}

/// What of a volume type is to change; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TypeChange {
    /// The new name.
    pub name: Option<String>,
    /// The new description, which may be nothing.
    pub description: Option<Option<String>>,
    /// Whether everybody may see and use it.
    pub is_public: Option<bool>,
}

/// Why a volume type was not made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteRejected {
    /// There is no such type.
    #[error("there is no such volume type")]
    NotFound,
    /// Another type has the name.
    #[error("another volume type has this name")]
    NameTaken,
}

/// Why a volume type was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeleteRejected {
    /// There is no such type.
    #[error("there is no such volume type")]
    NotFound,
    /// It is the only one.
    #[error("it is the only volume type")]
    Last,
    /// It is the one given to volumes for which nobody named a type.
    #[error("it is the default volume type")]
    Default,
    /// There are volumes of this type.
    #[error("there are volumes of this type")]
    InUse,
}

impl Catalog {
    /// Makes a volume type.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_volume_type(
        &self,
        new: &NewVolumeType,
    ) -> Result<std::result::Result<VolumeType, WriteRejected>> {
        let made = sqlx::query_as(concat!(
            "INSERT INTO volume_types AS t (name, description, is_public, extra_specs) VALUES ($1, $2, $3, $4) RETURNING ",
            type_columns!()
        ))
        .bind(&new.name)
        .bind(&new.description)
        .bind(new.is_public)
        .bind(Json(&new.extra_specs))
        .fetch_one(&self.pool)
        .await;
        name_taken(made)
    }

    /// Changes a volume type.
    ///
    /// # Errors
    /// The database failed.
    pub async fn update_volume_type(
        &self,
        id: VolumeTypeId,
        change: &TypeChange,
    ) -> Result<std::result::Result<VolumeType, WriteRejected>> {
        let mut tx = self.pool.begin().await?;
        let before: Option<(String,)> =
            sqlx::query_as("SELECT name FROM volume_types WHERE id = $1 AND deleted_at IS NULL FOR UPDATE")
                .bind(id)
                .fetch_optional(&mut *tx)
                .await?;
        let Some((before,)) = before else { return Ok(Err(WriteRejected::NotFound)) };
        let changed = sqlx::query_as(concat!(
            "UPDATE volume_types AS t
                SET name = coalesce($2, name),
                    description = CASE WHEN $3 THEN $4 ELSE description END,
                    is_public = coalesce($5, is_public),
                    updated_at = now()
              WHERE id = $1 AND deleted_at IS NULL
          RETURNING ",
            type_columns!()
        ))
        .bind(id)
        .bind(&change.name)
        .bind(change.description.is_some())
        .bind(change.description.as_ref().and_then(Option::as_ref))
        .bind(change.is_public)
        .fetch_one(&mut *tx)
        .await;
        let changed = match name_taken(changed)? {
            Ok(changed) => changed,
            Err(rejected) => return Ok(Err(rejected)),
        };
        if let Some(name) = change.name.as_ref().filter(|name| **name != before) {
            quotas::rename_type(&mut tx, &before, name).await?;
        }
        tx.commit().await?;
        Ok(Ok(changed))
    }

    /// Deletes a volume type that no volume has.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_volume_type(&self, id: VolumeTypeId) -> Result<std::result::Result<(), DeleteRejected>> {
        let mut tx = self.pool.begin().await?;
        // all live types, so that of two deletes the second sees what the first has left; a volume that is
        // being made holds its type until its row can be counted
        let types: Vec<(VolumeTypeId, String, bool)> = sqlx::query_as(
            "SELECT id, name, is_default FROM volume_types WHERE deleted_at IS NULL ORDER BY id FOR UPDATE",
        )
        .fetch_all(&mut *tx)
        .await?;
        let Some((_, name, is_default)) = types.iter().find(|(other, _, _)| *other == id) else {
            return Ok(Err(DeleteRejected::NotFound));
        };
        if types.len() == 1 {
            return Ok(Err(DeleteRejected::Last));
        }
        if *is_default {
            return Ok(Err(DeleteRejected::Default));
        }
        // the oldest volume of the type: with an order to keep, Postgres follows the index also where it believes
        // that any volume would do
        let user: Option<(VolumeId,)> = sqlx::query_as(
            "SELECT id FROM volumes WHERE volume_type_id = $1 AND deleted_at IS NULL ORDER BY created_at LIMIT 1",
        )
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?;
        if user.is_some() {
            return Ok(Err(DeleteRejected::InUse));
        }
        sqlx::query("UPDATE volume_types SET deleted_at = now() WHERE id = $1").bind(id).execute(&mut *tx).await?;
        quotas::forget_type(&mut tx, name).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}

/// Turns the refusal of a second live type of the same name into a rejection.
fn name_taken<T>(result: sqlx::Result<T>) -> Result<std::result::Result<T, WriteRejected>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("volume_types_live_name") => {
            Ok(Err(WriteRejected::NameTaken))
        }
        Err(error) => Err(error.into()),
    }
}
