//! The names of what can be allowed and refused.

use std::fmt;

/// Who passes a rule by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    /// The role `admin`, or the role `reader` in the project that the thing belongs to.
    Reader,
    /// The role `admin`, or the role `member` in the project that the thing belongs to.
    Member,
    /// Administrators of the cloud.
    Admin,
}

macro_rules! rules {
    ($($variant:ident = $name:literal, $default:ident;)+) => {
        /// One thing that a caller may or may not do. The names are the reference's, which operators know from
        /// their policy files, and so are the defaults (API spec 9.3); those of what it does not have begin with ours.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The rule's name in policy files and messages.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            pub(crate) const fn default(self) -> Default {
                match self {
                    $(Self::$variant => Default::$default,)+
                }
            }
        }
    };
}

rules! {
    BackupGetAll = "backup:get_all", Reader;
    BackupGet = "backup:get", Reader;
    BackupCreate = "backup:create", Member;
    BackupUpdate = "backup:update", Member;
    BackupDelete = "backup:delete", Member;
    BackupRestore = "backup:restore", Member;
    BackupExport = "backup:export-import", Admin;
    BackupImport = "backup:backup-import", Admin;
    BackupProjectAttribute = "backup:backup_project_attribute", Admin;
    BackupResetStatus = "volume_extension:backup_admin_actions:reset_status", Admin;
    BackupVerify = "cindervault:verify", Member;
    BackupCancel = "cindervault:cancel", Member;
    BackupForceDelete = "volume_extension:backup_admin_actions:force_delete", Admin;
    MessageGetAll = "message:get_all", Reader;
    MessageGet = "message:get", Reader;
    MessageDelete = "message:delete", Member;
    VolumeGetAll = "volume:get_all", Reader;
    VolumeGet = "volume:get", Reader;
    VolumeCreate = "volume:create", Member;
    VolumeUpdate = "volume:update", Member;
    VolumeDelete = "volume:delete", Member;
    VolumeForceDelete = "volume:force_delete", Admin;
    VolumeExtend = "volume:extend", Member;
    VolumeExtendAttached = "volume:extend_attached_volume", Member;
    VolumeGetMetadata = "volume:get_volume_metadata", Reader;
    VolumeCreateMetadata = "volume:create_volume_metadata", Member;
    VolumeUpdateMetadata = "volume:update_volume_metadata", Member;
    VolumeDeleteMetadata = "volume:delete_volume_metadata", Member;
    VolumeTenantAttribute = "volume_extension:volume_tenant_attribute", Reader;
    VolumeHostAttribute = "volume_extension:volume_host_attribute", Admin;
    VolumeMigrationStatusAttribute = "volume_extension:volume_mig_status_attribute", Admin;
    VolumeResetStatus = "volume_extension:volume_admin_actions:reset_status", Admin;
    VolumeAdminForceDelete = "volume_extension:volume_admin_actions:force_delete", Admin;
    VolumeAttach = "volume_extension:volume_actions:attach", Member;
    VolumeDetach = "volume_extension:volume_actions:detach", Member;
    VolumeReserve = "volume_extension:volume_actions:reserve", Member;
    VolumeUnreserve = "volume_extension:volume_actions:unreserve", Member;
    VolumeBeginDetaching = "volume_extension:volume_actions:begin_detaching", Member;
    VolumeRollDetaching = "volume_extension:volume_actions:roll_detaching", Member;
    AttachmentCreate = "volume:attachment_create", Member;
    AttachmentUpdate = "volume:attachment_update", Member;
    AttachmentDelete = "volume:attachment_delete", Member;
    AttachmentComplete = "volume:attachment_complete", Member;
    MultiattachBootable = "volume:multiattach_bootable_volume", Member;
    VolumeImageMetadataShow = "volume_extension:volume_image_metadata:show", Reader;
    VolumeImageMetadataSet = "volume_extension:volume_image_metadata:set", Member;
    VolumeImageMetadataRemove = "volume_extension:volume_image_metadata:remove", Member;
    VolumeRetype = "volume:retype", Member;
    VolumeUpdateReadonly = "volume:update_readonly_flag", Member;
    VolumeSetBootable = "volume_extension:volume_actions:set_bootable", Member;
    SnapshotGetAll = "volume:get_all_snapshots", Reader;
    SnapshotGet = "volume:get_snapshot", Reader;
    SnapshotCreate = "volume:create_snapshot", Member;
    SnapshotUpdate = "volume:update_snapshot", Member;
    SnapshotDelete = "volume:delete_snapshot", Member;
    SnapshotGetMetadata = "volume:get_snapshot_metadata", Reader;
    SnapshotUpdateMetadata = "volume:update_snapshot_metadata", Member;
    SnapshotDeleteMetadata = "volume:delete_snapshot_metadata", Member;
    SnapshotExtendedAttributes = "volume_extension:extended_snapshot_attributes", Reader;
    SnapshotResetStatus = "volume_extension:snapshot_admin_actions:reset_status", Admin;
    SnapshotForceDelete = "volume_extension:snapshot_admin_actions:force_delete", Admin;
    SnapshotUpdateStatus = "snapshot_extension:snapshot_actions:update_snapshot_status", Member;
    TypeGetAll = "volume_extension:type_get_all", Reader;
    TypeGet = "volume_extension:type_get", Reader;
    TypeCreate = "volume_extension:type_create", Admin;
    TypeUpdate = "volume_extension:type_update", Admin;
    TypeDelete = "volume_extension:type_delete", Admin;
    TypeAccessList = "volume_extension:volume_type_access:get_all_for_type", Admin;
    TypeAccessAdd = "volume_extension:volume_type_access:addProjectAccess", Admin;
    TypeAccessRemove = "volume_extension:volume_type_access:removeProjectAccess", Admin;
    TypeEncryptionGet = "volume_extension:volume_type_encryption:get", Admin;
    TypeExtraSpecsIndex = "volume_extension:types_extra_specs:index", Reader;
    TypeExtraSpecsShow = "volume_extension:types_extra_specs:show", Reader;
    TypeExtraSpecsSensitive = "volume_extension:types_extra_specs:read_sensitive", Admin;
    TypeExtraSpecsCreate = "volume_extension:types_extra_specs:create", Admin;
    TypeExtraSpecsUpdate = "volume_extension:types_extra_specs:update", Admin;
    TypeExtraSpecsDelete = "volume_extension:types_extra_specs:delete", Admin;
    QuotaShow = "volume_extension:quotas:show", Reader;
    QuotaUpdate = "volume_extension:quotas:update", Admin;
    QuotaDelete = "volume_extension:quotas:delete", Admin;
    QuotaClassGet = "volume_extension:quota_classes:get", Admin;
    QuotaClassUpdate = "volume_extension:quota_classes:update", Admin;
    UsedLimits = "limits_extension:used_limits", Reader;
    ServiceIndex = "volume_extension:services:index", Admin;
    ServiceUpdate = "volume_extension:services:update", Admin;
    PoolsGet = "scheduler_extension:scheduler_stats:get_pools", Admin;
    Capabilities = "volume_extension:capabilities", Admin;
    HostsManage = "volume_extension:hosts", Admin;
    AvailabilityZoneList = "volume:availability_zone_list", Reader;
    GroupGetAll = "group:get_all", Reader;
    TransferGetAll = "volume:get_all_transfers", Reader;
    TransferGet = "volume:get_transfer", Reader;
    TransferCreate = "volume:create_transfer", Member;
    TransferAccept = "volume:accept_transfer", Member;
    TransferDelete = "volume:delete_transfer", Member;
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
