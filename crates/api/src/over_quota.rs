//! A full quota in the reference's words (API spec 7).

use catalog::quotas::{Exceeded, Resource};

use crate::fault::ApiError;

/// 413 for a request that was refused on its way to the outermost handler: the error's class stands in front.
pub(crate) fn refuse(exceeded: &Exceeded) -> ApiError {
    let (class, message) = words(exceeded);
    ApiError::OverLimit(format!("{class}: {message}"))
}

/// 413 for a restore that needed a new volume: only the message.
pub(crate) fn refuse_restore(exceeded: &Exceeded) -> ApiError {
    ApiError::OverLimit(words(exceeded).1)
}

fn words(exceeded: &Exceeded) -> (&'static str, String) {
    let Exceeded { resource, requested, limit, in_use } = exceeded;
    match resource {
        Resource::Backups => ("BackupLimitExceeded", format!("Maximum number of backups allowed ({limit}) exceeded")),
        Resource::BackupGigabytes => (
            "VolumeBackupSizeExceedsAvailableQuota",
            format!(
                "Requested backup exceeds allowed Backup gigabytes quota. Requested {requested}G, quota is {limit}G \
                 and {in_use}G has been consumed."
            ),
        ),
        Resource::PerVolumeGigabytes => (
            "VolumeSizeExceedsLimit",
            format!("Requested volume size {requested}G is larger than maximum allowed limit {limit}G."),
        ),
        Resource::Gigabytes | Resource::GigabytesOfType(_) => (
            "VolumeSizeExceedsAvailableQuota",
            format!(
                "Requested volume or snapshot exceeds allowed {resource} quota. Requested {requested}G, quota is \
                 {limit}G and {in_use}G has been consumed."
            ),
        ),
        Resource::Snapshots | Resource::SnapshotsOfType(_) => {
            ("SnapshotLimitExceeded", format!("Maximum number of snapshots allowed ({limit}) exceeded"))
        }
        Resource::Volumes | Resource::VolumesOfType(_) | Resource::Groups => (
            "VolumeLimitExceeded",
            format!("Maximum number of volumes allowed ({limit}) exceeded for quota '{resource}'."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exceeded(resource: Resource) -> Exceeded {
        Exceeded { resource, requested: 2, limit: 3, in_use: 2 }
    }

    fn message(error: ApiError) -> String {
        match error {
            ApiError::OverLimit(message) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_restore_has_no_class_in_front() {
        assert_eq!(
            message(refuse_restore(&exceeded(Resource::Gigabytes))),
            "Requested volume or snapshot exceeds allowed gigabytes quota. Requested 2G, quota is 3G and 2G has been \
             consumed."
        );
        assert_eq!(
            message(refuse(&exceeded(Resource::Volumes))),
            "VolumeLimitExceeded: Maximum number of volumes allowed (3) exceeded for quota 'volumes'."
        );
        assert_eq!(
            message(refuse(&exceeded(Resource::BackupGigabytes))),
            "VolumeBackupSizeExceedsAvailableQuota: Requested backup exceeds allowed Backup gigabytes quota. \
             Requested 2G, quota is 3G and 2G has been consumed."
        );
    }
}
