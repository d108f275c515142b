//! What a project may have: limits of projects and of quota classes.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::{Resource, Usage};
use crate::page::Scope;
use crate::types::{self, Viewer};
use crate::{Catalog, ProjectId, Result};

/// The class whose limits hold for every project that has none of its own.
const DEFAULT_CLASS: &str = "default";

/// A resource, how much of it a project may have (-1: any amount), and how much it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What is limited.
    pub resource: Resource,
    /// The limit.
    pub limit: i32,
    /// How much is in use.
    pub in_use: i64,
}

/// A new limit that lies below what the project has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{in_use} of {resource} are in use, more than the limit of {requested}")]
pub struct BelowUsage {
    /// What was to be limited.
    pub resource: Resource,
    /// How much is in use.
    pub in_use: i64,
    /// The limit that was asked for.
    pub requested: i32,
}

/// The limits that somebody has set, by the resource's key.
pub(super) struct Limits {
    of_project: HashMap<String, i32>,
    of_class: HashMap<String, i32>,
}

impl Limits {
    pub(super) async fn of_project(tx: &mut PgConnection, project: &ProjectId) -> Result<Self> {
        let of_project = sqlx::query_as("SELECT resource, hard_limit FROM quotas WHERE project_id = $1")
            .bind(project)
            .fetch_all(&mut *tx)
            .await?
            .into_iter()
            .collect();
        Ok(Self { of_project, ..Self::of_class(tx, DEFAULT_CLASS).await? })
    }

    async fn of_class(tx: &mut PgConnection, class: &str) -> Result<Self> {
        let of_class = sqlx::query_as("SELECT resource, hard_limit FROM quota_classes WHERE class = $1")
            .bind(class)
            .fetch_all(&mut *tx)
            .await?
            .into_iter()
            .collect();
        Ok(Self { of_project: HashMap::new(), of_class })
    }

    pub(super) fn of(&self, resource: &Resource) -> i32 {
        let key = resource.to_string();
        self.of_project
            .get(&key)
            .or_else(|| self.of_class.get(&key))
            .copied()
            .unwrap_or_else(|| resource.built_in_limit())
    }
}

impl Catalog {
    /// The resources that this installation limits: the fixed ones and three for each live volume type that is there
    /// for whoever sees this scope. The names of the others are nobody else's business.
    ///
    /// # Errors
    /// The database failed.
    pub async fn quota_resources(&self, types: &Scope) -> Result<Vec<Resource>> {
        let mut connection = self.pool.acquire().await?;
        let names = types::names(&mut connection, Viewer::of(types)).await?;
        Ok(Resource::all(names.iter().map(String::as_str)))
    }

    /// A project's limits with their usage, for whoever sees these types.
    ///
    /// # Errors
    /// The database failed.
    pub async fn quotas(&self, project: &ProjectId, types: &Scope) -> Result<Vec<Limit>> {
        let resources = self.quota_resources(types).await?;
        let mut connection = self.pool.acquire().await?;
        let limits = Limits::of_project(&mut connection, project).await?;
        let usage = Usage::count(&mut connection, project, &resources).await?;
        Ok(resources
            .into_iter()
            .map(|resource| Limit { limit: limits.of(&resource), in_use: usage.of(&resource), resource })
            .collect())
    }

    /// The limits of a quota class. The limits of the class `default` hold for every project that has no
    /// others; any other class starts from the built-in ones. Usage is 0. The types are those of the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn quota_class(&self, class: &str, types: &Scope) -> Result<Vec<Limit>> {
        let resources = self.quota_resources(types).await?;
        let mut connection = self.pool.acquire().await?;
        let limits = Limits::of_class(&mut connection, class).await?;
        Ok(resources.into_iter().map(|resource| Limit { limit: limits.of(&resource), in_use: 0, resource }).collect())
    }

    /// The limits that hold for a project that has none of its own. Usage is 0. The types are those of the scope.
    ///
    /// # Errors
    /// The database failed.
    pub async fn default_quotas(&self, types: &Scope) -> Result<Vec<Limit>> {
        self.quota_class(DEFAULT_CLASS, types).await
    }

    /// Sets limits of a project, all or none. A limit below what the project has is refused; -1 never is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_quotas(
        &self,
        project: &ProjectId,
        wanted: &[(Resource, i32)],
    ) -> Result<std::result::Result<(), BelowUsage>> {
        let mut tx = self.pool.begin().await?;
        super::reserve::lock(&mut tx, project).await?;
        let usage = Usage::count(&mut tx, project, wanted.iter().map(|(resource, _)| resource)).await?;
        for (resource, limit) in wanted {
            let in_use = usage.of(resource);
            if *limit >= 0 && i64::from(*limit) < in_use {
                return Ok(Err(BelowUsage { resource: resource.clone(), in_use, requested: *limit }));
            }
            sqlx::query(
                "INSERT INTO quotas (project_id, resource, hard_limit) VALUES ($1, $2, $3)
                     ON CONFLICT (project_id, resource)
                     DO UPDATE SET hard_limit = excluded.hard_limit, updated_at = now()",
            )
            .bind(project)
            .bind(resource.to_string())
            .bind(limit)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Takes a project's own limits away, so that the defaults hold again.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_quotas(&self, project: &ProjectId) -> Result<()> {
        sqlx::query("DELETE FROM quotas WHERE project_id = $1").bind(project).execute(&self.pool).await?;
        Ok(())
    }

    /// Sets limits of a quota class.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_quota_class(&self, class: &str, wanted: &[(Resource, i32)]) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        for (resource, limit) in wanted {
            sqlx::query(
                "INSERT INTO quota_classes (class, resource, hard_limit) VALUES ($1, $2, $3)
                     ON CONFLICT (class, resource)
                     DO UPDATE SET hard_limit = excluded.hard_limit, updated_at = now()",
            )
            .bind(class)
            .bind(resource.to_string())
            .bind(limit)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
