//! How many volumes there are, and how large they are together (API spec 11.1, from 3.12).

use std::collections::BTreeMap;

use sqlx::{Postgres, QueryBuilder};

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
        let mut totals = QueryBuilder::new(
            "SELECT count(*), coalesce(sum(v.size_gib), 0) FROM volumes AS v WHERE v.deleted_at IS NULL",
        );
        push_project(&mut totals, scope);
        let (count, size_gib) = totals.build_query_as().fetch_one(&self.pool).await?;
        let mut values = QueryBuilder::new(
            "SELECT pair.key, array_agg(DISTINCT pair.value ORDER BY pair.value)
               FROM volumes AS v, jsonb_each_text(v.metadata) AS pair
              WHERE v.deleted_at IS NULL",
        );
        push_project(&mut values, scope);
        values.push(" GROUP BY pair.key");
        let metadata: Vec<(String, Vec<String>)> = values.build_query_as().fetch_all(&self.pool).await?;
        Ok(Summary { count, size_gib, metadata: metadata.into_iter().collect() })
    }
}

/// Two statements rather than one with `$1 IS NULL OR …`, which Postgres might plan for both at once, without an index.
fn push_project(statement: &mut QueryBuilder<Postgres>, scope: &Scope) {
    if let Some(project) = scope.project() {
        statement.push(" AND v.project_id = ").push_bind(project.to_owned());
    }
}
