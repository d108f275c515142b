//! The extra specs of a volume type.

use sqlx::types::Json;

use crate::{Catalog, Metadata, Result, VolumeTypeId};

/// Why extra specs were not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpecsRejected {
    /// There is no such type.
    #[error("there is no such volume type")]
    NoSuchType,
    /// The type has no spec of this name.
    #[error("the volume type has no such extra spec")]
    NoSuchSpec,
}

impl Catalog {
    /// Adds these specs to the type's, replacing those of the same names.
    ///
    /// # Errors
    /// The database failed.
    pub async fn merge_extra_specs(
        &self,
        id: VolumeTypeId,
        specs: &Metadata,
    ) -> Result<std::result::Result<(), SpecsRejected>> {
        let changed = sqlx::query(
            "UPDATE volume_types SET extra_specs = extra_specs || $2, updated_at = now()
              WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(Json(specs))
        .execute(&self.pool)
        .await?
        .rows_affected();
        Ok(if changed == 1 { Ok(()) } else { Err(SpecsRejected::NoSuchType) })
    }

    /// Takes one spec away.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_extra_spec(
        &self,
        id: VolumeTypeId,
        name: &str,
    ) -> Result<std::result::Result<(), SpecsRejected>> {
        let mut tx = self.pool.begin().await?;
        let had: Option<(bool,)> =
            sqlx::query_as("SELECT extra_specs ? $2 FROM volume_types WHERE id = $1 AND deleted_at IS NULL FOR UPDATE")
                .bind(id)
                .bind(name)
                .fetch_optional(&mut *tx)
                .await?;
        match had {
            None => return Ok(Err(SpecsRejected::NoSuchType)),
            Some((false,)) => return Ok(Err(SpecsRejected::NoSuchSpec)),
            Some((true,)) => {}
        }
        sqlx::query("UPDATE volume_types SET extra_specs = extra_specs - $2, updated_at = now() WHERE id = $1")
            .bind(id)
            .bind(name)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}
