//! Who is alive: one row per binary and host, kept by heartbeats (API spec 10.3, 11.3).

use std::time::Duration;

use sqlx::{FromRow, PgConnection};

use crate::{Catalog, ProjectId, Result, Time};

/// A service whose last heartbeat is older than this is down.
pub const DOWN_AFTER: Duration = Duration::from_mins(1);

/// The binary name of the backup worker.
pub const BACKUP_BINARY: &str = "cinder-backup";

/// The binary name under which the keeper of the volumes is listed.
pub const VOLUME_BINARY: &str = "cinder-volume";

/// A service's row.
#[derive(Debug, Clone, FromRow)]
pub struct Service {
    /// What it is: `cinder-backup`, `cinder-volume`.
    pub binary_name: String,
    /// Where it runs.
    pub host: String,
    /// Its availability zone.
    pub zone: String,
    /// Whether an administrator has taken it out of use.
    pub disabled: bool,
    /// Why.
    pub disabled_reason: Option<String>,
    /// When it was last heard of.
    pub heartbeat_at: Time,
    /// When it was first heard of.
    pub created_at: Time,
    /// Whether it was heard of within [`DOWN_AFTER`].
    pub up: bool,
}

/// What one project has on a host.
#[derive(Debug, Clone, FromRow)]
pub struct HostTotal {
    /// The project.
    pub project_id: ProjectId,
    /// How many volumes.
    pub volumes: i64,
    /// Their GiB together.
    pub volume_gib: i64,
    /// How many snapshots of volumes there.
    pub snapshots: i64,
    /// Their GiB together.
    pub snapshot_gib: i64,
}

impl Catalog {
    /// Says that a service is alive, and makes it known the first time. Does not touch whether it is enabled.
    ///
    /// # Errors
    /// The database failed.
    pub async fn heartbeat(&self, binary: &str, host: &str, zone: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO services (binary_name, host, zone) VALUES ($1, $2, $3)
                 ON CONFLICT (binary_name, host) DO UPDATE SET heartbeat_at = now(), zone = excluded.zone",
        )
        .bind(binary)
        .bind(host)
        .bind(zone)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Every known service of that binary and on that host, where given; on a host whatever the backend, unless it
    /// is named.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list_services(&self, binary: Option<&str>, host: Option<&str>) -> Result<Vec<Service>> {
        Ok(sqlx::query_as(
            "SELECT *, heartbeat_at > now() - $3 * interval '1 second' AS up
               FROM services
              WHERE ($1::text IS NULL OR binary_name = $1) AND ($2::text IS NULL OR $2 IN (host, split_part(host, '@', 1)))
              ORDER BY created_at, binary_name, host",
        )
        .bind(binary)
        .bind(host)
        .bind(DOWN_AFTER.as_secs_f64())
        .fetch_all(&self.pool)
        .await?)
    }

    /// Puts a service into use, which clears the reason, or out of use. `false` when there is no such service.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_service_enabled(
        &self,
        binary: &str,
        host: &str,
        enabled: bool,
        reason: Option<&str>,
    ) -> Result<bool> {
        let changed = sqlx::query(
            "UPDATE services
                SET disabled = NOT $3, disabled_reason = CASE WHEN $3 THEN NULL ELSE $4 END
              WHERE binary_name = $1 AND host = $2",
        )
        .bind(binary)
        .bind(host)
        .bind(enabled)
        .bind(reason)
        .execute(&self.pool)
        .await?
        .rows_affected();
        Ok(changed == 1)
    }

    /// What each project has on a host: on `host@backend`, whatever the pool.
    ///
    /// # Errors
    /// The database failed.
    pub async fn totals_of_host(&self, host: &str) -> Result<Vec<HostTotal>> {
        Ok(sqlx::query_as(
            "SELECT v.project_id,
                    count(*) AS volumes,
                    coalesce(sum(v.size_gib), 0) AS volume_gib,
                    coalesce(sum(of_volume.snapshots), 0)::bigint AS snapshots,
                    coalesce(sum(of_volume.snapshot_gib), 0)::bigint AS snapshot_gib
               FROM volumes AS v
              CROSS JOIN LATERAL (
                        SELECT count(*) AS snapshots, coalesce(sum(s.size_gib), 0) AS snapshot_gib
                          FROM snapshots AS s
                         WHERE s.volume_id = v.id AND s.deleted_at IS NULL) AS of_volume
              WHERE v.deleted_at IS NULL AND split_part(v.host, '#', 1) = $1
              GROUP BY v.project_id
              ORDER BY v.project_id",
        )
        .bind(host)
        .fetch_all(&self.pool)
        .await?)
    }

    /// The host of a backup service that is enabled, up and, if given, in that zone; any one of them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn usable_backup_service(&self, zone: Option<&str>) -> Result<Option<String>> {
        let mut connection = self.pool.acquire().await?;
        usable_backup_service(&mut connection, zone).await
    }
}

/// Whether an administrator has taken the volume services of a zone out of use: there are some, and none is enabled.
/// Those that are merely down come back; what is asked of them waits.
pub(crate) async fn takes_no_volumes(tx: &mut PgConnection, zone: &str) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "SELECT coalesce(bool_and(disabled), false) FROM services WHERE binary_name = $1 AND zone = $2",
    )
    .bind(VOLUME_BINARY)
    .bind(zone)
    .fetch_one(tx)
    .await?)
}

/// As [`Catalog::usable_backup_service`], within a transaction.
pub(crate) async fn usable_backup_service(tx: &mut PgConnection, zone: Option<&str>) -> Result<Option<String>> {
    let host: Option<(String,)> = sqlx::query_as(
        "SELECT host
           FROM services
          WHERE binary_name = $1 AND NOT disabled
            AND heartbeat_at > now() - $3 * interval '1 second'
            AND ($2::text IS NULL OR zone = $2)
          ORDER BY random()
          LIMIT 1",
    )
    .bind(BACKUP_BINARY)
    .bind(zone)
    .bind(DOWN_AFTER.as_secs_f64())
    .fetch_optional(tx)
    .await?;
    Ok(host.map(|(host,)| host))
}
