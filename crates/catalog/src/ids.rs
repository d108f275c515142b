//! One type per kind of id, so that a volume's id can not be passed where a backup's is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new random id.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// A backup's id. It is also in the names of its restore point and of its metadata object on Ceph.
    BackupId
);
uuid_id!(
    /// A volume's id; the image is named `volume-<id>`.
    VolumeId
);
uuid_id!(
    /// A volume snapshot's id; the RBD snapshot is named `snapshot-<id>`.
    SnapshotId
);
uuid_id!(
    /// A volume type's id.
    VolumeTypeId
);
uuid_id!(
    /// The id of a volume's transfer to another project.
    TransferId
);
uuid_id!(
    /// A job's id.
    JobId
);
uuid_id!(
    /// A user message's id.
    MessageId
);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// A Keystone project's id. Opaque: Keystone makes 32 hexadecimal digits, others exist.
    ProjectId
);
text_id!(
    /// A Keystone user's id. Opaque.
    UserId
);
