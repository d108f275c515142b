//! The maps of keys and values that users hang on volumes, snapshots and backups.

use std::collections::BTreeMap;

/// A user's metadata: text keys, text values, stored as a JSON object.
pub type Metadata = BTreeMap<String, String>;
