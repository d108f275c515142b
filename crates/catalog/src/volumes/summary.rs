//! How many volumes there are, and how large they are together (API spec 11.1, from 3.12).

use std::collections::BTreeMap;

use crate::page::Scope;
use crate::{Catalog, Result};

/// The volumes of a project, or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How many.
    pub count: i64,
    /// Their GiB together.
    pub size_gib: i64,
    /// The distinct values of every metadata key.
    pub metadata: BTreeMap<String, Vec<String>>,
}

impl Catalog {
    /// Sums the live volumes in the scope up.
    ///
    /// # Errors
    /// The database failed.
    pub async fn volume_summary(&self, scope: &Scope) -> Result<Summary> {
        let (count, size_gib) = sqlx::query_as(
            "SELECT count(*), coalesce(sum(size_gib), 0)
               FROM volumes
              WHERE deleted_at IS NULL AND ($1::text IS NULL OR project_id = $1)",
        )
        .bind(scope.project())
        .fetch_one(&self.pool)
        .await?;
        let metadata: Vec<(String, Vec<String>)> = sqlx::query_as(
            "SELECT pair.key, array_agg(DISTINCT pair.value ORDER BY pair.value)
               FROM volumes AS v, jsonb_each_text(v.metadata) AS pair
              WHERE v.deleted_at IS NULL AND ($1::text IS NULL OR v.project_id = $1)
              GROUP BY pair.key",
        )
        .bind(scope.project())
        .fetch_all(&self.pool)
        .await?;
        Ok(Summary { count, size_gib, metadata: metadata.into_iter().collect() })
    }
}
