//! What a project has, counted from its live rows.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::Resource;
use crate::{ProjectId, Result};

/// What a project has. Counted only as far as `Usage::count` was asked to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number and GiB of volumes, by the name of their type.
    volumes: BTreeMap<String, Total>,
    /// Number and GiB of snapshots, by the name of their volume's type.
    snapshots: BTreeMap<String, Total>,
    /// Number and GiB of backups.
    backups: Total,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    count: i64,
    gib: i64,
}

type TypedRow = (Option<String>, i64, i64);

impl Usage {
    /// Counts what is needed to judge these resources.
    pub(super) async fn count<'a>(
        tx: &mut PgConnection,
        project: &ProjectId,
        resources: impl IntoIterator<Item = &'a Resource> + Clone,
    ) -> Result<Self> {
        let needs = |wanted: fn(&Resource) -> bool| resources.clone().into_iter().any(wanted);
        let mut usage = Self::default();
        if needs(|resource| {
            matches!(
                resource,
                Resource::Volumes | Resource::Gigabytes | Resource::VolumesOfType(_) | Resource::GigabytesOfType(_)
            )
        }) {
            let rows: Vec<TypedRow> = sqlx::query_as(
                // a volume that is growing counts with the size that it will have
                "SELECT volume_types.name, count(*), coalesce(sum(greatest(volumes.size_gib, growing.size_gib)), 0)
                   FROM volumes
                   LEFT JOIN volume_types ON volume_types.id = volumes.volume_type_id
                   LEFT JOIN LATERAL (
                            SELECT max((jobs.spec->>'new_size_gib')::integer) AS size_gib
                              FROM jobs
                             WHERE volumes.status = 'extending' AND jobs.target_id = volumes.id
                               AND jobs.kind = 'volume_extend' AND jobs.state IN ('ready', 'running')) AS growing ON true
                  WHERE volumes.project_id = $1 AND volumes.deleted_at IS NULL
                  GROUP BY volume_types.name",
            )
            .bind(project)
            .fetch_all(&mut *tx)
            .await?;
            usage.volumes = by_type(rows);
        }
        if needs(|resource| {
            matches!(
                resource,
                Resource::Snapshots | Resource::Gigabytes | Resource::SnapshotsOfType(_) | Resource::GigabytesOfType(_)
            )
        }) {
            let rows: Vec<TypedRow> = sqlx::query_as(
                "SELECT volume_types.name, count(*), coalesce(sum(snapshots.size_gib), 0)
                   FROM snapshots
                   JOIN volumes ON volumes.id = snapshots.volume_id
                   LEFT JOIN volume_types ON volume_types.id = volumes.volume_type_id
                  WHERE snapshots.project_id = $1 AND snapshots.deleted_at IS NULL
                  GROUP BY volume_types.name",
            )
            .bind(project)
            .fetch_all(&mut *tx)
            .await?;
            usage.snapshots = by_type(rows);
        }
        if needs(|resource| matches!(resource, Resource::Backups | Resource::BackupGigabytes)) {
            let (count, gib) = sqlx::query_as(
                "SELECT count(*), coalesce(sum(size_gib), 0)
                   FROM backups
                  WHERE project_id = $1 AND deleted_at IS NULL",
            )
            .bind(project)
            .fetch_one(&mut *tx)
            .await?;
            usage.backups = Total { count, gib };
        }
        Ok(usage)
    }

    /// How much of a resource is in use.
    pub fn of(&self, resource: &Resource) -> i64 {
        let all = |by_type: &BTreeMap<String, Total>, what: fn(&Total) -> i64| by_type.values().map(what).sum::<i64>();
        let one = |by_type: &BTreeMap<String, Total>, name: &str| by_type.get(name).copied().unwrap_or_default();
        match resource {
            Resource::Volumes => all(&self.volumes, |total| total.count),
            Resource::Snapshots => all(&self.snapshots, |total| total.count),
            Resource::Gigabytes => all(&self.volumes, |total| total.gib) + all(&self.snapshots, |total| total.gib),
            Resource::Backups => self.backups.count,
            Resource::BackupGigabytes => self.backups.gib,
            Resource::VolumesOfType(name) => one(&self.volumes, name).count,
            Resource::SnapshotsOfType(name) => one(&self.snapshots, name).count,
            Resource::GigabytesOfType(name) => one(&self.volumes, name).gib + one(&self.snapshots, name).gib,
            Resource::PerVolumeGigabytes | Resource::Groups => 0,
        }
    }
}

/// Rows without a type stand under the empty name, which no type has.
fn by_type(rows: Vec<TypedRow>) -> BTreeMap<String, Total> {
    rows.into_iter().map(|(name, count, gib)| (name.unwrap_or_default(), Total { count, gib })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_count_into_the_gigabytes_of_their_type() {
        let usage = Usage {
            volumes: by_type(vec![(Some("ssd".to_owned()), 2, 5), (None, 1, 1)]),
            snapshots: by_type(vec![(Some("ssd".to_owned()), 3, 7)]),
            backups: Total { count: 4, gib: 9 },
        };
        assert_eq!(usage.of(&Resource::Volumes), 3);
        assert_eq!(usage.of(&Resource::Gigabytes), 13);
        assert_eq!(usage.of(&Resource::VolumesOfType("ssd".to_owned())), 2);
        assert_eq!(usage.of(&Resource::GigabytesOfType("ssd".to_owned())), 12);
        assert_eq!(usage.of(&Resource::SnapshotsOfType("hdd".to_owned())), 0);
        assert_eq!(usage.of(&Resource::BackupGigabytes), 9);
    }
}
