//! Which filters callers who are not administrators may use in lists (API spec 6.4).

use std::collections::BTreeMap;

/// Filter keys by resource: `backup` → `name`, `status`, `volume_id`.
///
/// A key that ends in `~` allows the substring form and the exact one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceFilters(BTreeMap<String, Vec<String>>);

impl ResourceFilters {
    /// These filters and no others.
    pub fn new(filters: BTreeMap<String, Vec<String>>) -> Self {
        Self(filters)
    }

    /// The filters of one resource.
    pub fn of(&self, resource: &str) -> &[String] {
        self.0.get(resource).map_or(&[], Vec::as_slice)
    }

    /// The filters by resource.
    pub fn into_map(self) -> BTreeMap<String, Vec<String>> {
        self.0
    }

    /// Every resource with its filters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(resource, filters)| (resource.as_str(), filters.as_slice()))
    }
}

impl Default for ResourceFilters {
    /// The reference's defaults.
    fn default() -> Self {
        let defaults: [(&str, &[&str]); 6] = [
            ("attachment", &["volume_id", "status", "instance_id", "attach_status"]),
            ("backup", &["name", "status", "volume_id"]),
            ("message", &["resource_uuid", "resource_type", "event_id", "request_id", "message_level"]),
            ("snapshot", &["name", "status", "volume_id", "metadata", "availability_zone", "consumes_quota"]),
            (
                "volume",
                &[
                    "name",
                    "status",
                    "metadata",
                    "bootable",
                    "migration_status",
                    "availability_zone",
                    "group_id",
                    "size",
                    "created_at",
                    "updated_at",
                    "consumes_quota",
                ],
            ),
            ("volume_type", &["is_public"]),
        ];
        Self(
            defaults
                .into_iter()
                .map(|(resource, keys)| (resource.to_owned(), keys.iter().map(|&key| key.to_owned()).collect()))
                .collect(),
        )
    }
}
