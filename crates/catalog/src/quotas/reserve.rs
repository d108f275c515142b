//! Asking for room before something is made.

use sqlx::PgConnection;

use super::limits::Limits;
use super::{Resource, Usage};
use crate::{ProjectId, Result};

/// A limit that a request would overrun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{requested} more of {resource} is over the limit of {limit}, of which {in_use} are in use")]
pub struct Exceeded {
    /// What there is not enough of.
    pub resource: Resource,
    /// How much was asked for.
    pub requested: i64,
    /// The limit.
    pub limit: i64,
    /// How much is in use.
    pub in_use: i64,
}

/// Checks that the project has room for everything wanted. The project's quota stays locked until the
/// caller's transaction ends, so the rows that the caller makes are counted by the next request. Of several
/// overrun limits a size is reported before a count (API spec 7), otherwise the first as wanted.
pub(crate) async fn reserve(
    tx: &mut PgConnection,
    project: &ProjectId,
    wanted: &[(Resource, i64)],
) -> Result<std::result::Result<(), Exceeded>> {
    lock(tx, project).await?;
    let limits = Limits::of_project(tx, project).await?;
    let limited: Vec<_> =
        wanted.iter().map(|(resource, amount)| (resource, *amount, i64::from(limits.of(resource)))).collect();
    // what has no limit needs no count
    let counted = limited.iter().filter(|(_, amount, limit)| *limit >= 0 && *amount > 0);
    let usage = Usage::count(tx, project, counted.map(|(resource, _, _)| *resource)).await?;
    Ok(judge(&limited, &usage))
}

/// Takes the project's quota for this transaction.
pub(super) async fn lock(tx: &mut PgConnection, project: &ProjectId) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('quota:' || $1, 0))").bind(project).execute(tx).await?;
    Ok(())
}

fn judge(limited: &[(&Resource, i64, i64)], usage: &Usage) -> std::result::Result<(), Exceeded> {
    let mut overrun: Option<Exceeded> = None;
    for &(resource, requested, limit) in limited {
        let in_use = usage.of(resource);
        if limit < 0 || requested <= 0 || in_use + requested <= limit {
            continue;
        }
        if overrun.as_ref().is_none_or(|first| resource.is_size() && !first.resource.is_size()) {
            overrun = Some(Exceeded { resource: resource.clone(), requested, limit, in_use });
        }
    }
    overrun.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(limited: &[(&Resource, i64, i64)]) -> Option<Exceeded> {
        judge(limited, &Usage::default()).err()
    }

    #[test]
    fn the_limit_itself_is_still_within() {
        assert_eq!(judged(&[(&Resource::Backups, 10, 10)]), None);
        assert!(judged(&[(&Resource::Backups, 11, 10)]).is_some());
        assert!(judged(&[(&Resource::Backups, 1, 0)]).is_some());
    }

    #[test]
    fn minus_one_is_no_limit() {
        assert_eq!(judged(&[(&Resource::Volumes, i64::from(i32::MAX), -1)]), None);
    }

    #[test]
    fn of_two_overruns_the_size_is_reported() {
        let exceeded = judged(&[(&Resource::Backups, 1, 0), (&Resource::BackupGigabytes, 5, 4)]).unwrap();
        assert_eq!(exceeded.resource, Resource::BackupGigabytes);
        assert_eq!((exceeded.requested, exceeded.limit, exceeded.in_use), (5, 4, 0));
        let exceeded = judged(&[(&Resource::Backups, 1, 0), (&Resource::BackupGigabytes, 4, 4)]).unwrap();
        assert_eq!(exceeded.resource, Resource::Backups);
    }
}
