//! The maps of keys and values that users hang on volumes, snapshots and backups.

use std::collections::BTreeMap;

/// A user's metadata: text keys, text values, stored as a JSON object.
pub type Metadata = BTreeMap<String, String>;

/// How much the metadata of one record may take as JSON, bytes. It is shown in every list of such records, and a backup keeps
/// a volume's and that of its image in one object of at most 1 MiB.
pub const MAX_METADATA_BYTES: usize = 256 << 10;

/// A change to a user's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataEdit {
    /// Add these, replacing those of the same keys.
    Merge(Metadata),
    /// Have exactly these.
    Replace(Metadata),
    /// Take this key away.
    Remove(String),
}

/// Why metadata can not be changed as asked, whatever it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditRejected {
    /// The key that is to be taken away is not there.
    #[error("the key is not there")]
    NoSuchKey,
    /// It would take more than [`MAX_METADATA_BYTES`].
    #[error("the metadata would take {bytes} bytes as JSON, which is more than {MAX_METADATA_BYTES}")]
    TooLarge {
        /// How much it would take.
        bytes: usize,
    },
}

impl MetadataEdit {
    /// What becomes of the metadata by this change.
    pub(crate) fn apply(&self, mut metadata: Metadata) -> Result<Metadata, EditRejected> {
        match self {
            Self::Merge(more) => metadata.extend(more.clone()),
            Self::Replace(all) => metadata.clone_from(all),
            // also from what was too large before there was a bound
            Self::Remove(key) => return metadata.remove(key).map(|_| metadata).ok_or(EditRejected::NoSuchKey),
        }
        let bytes = json_bytes(&metadata);
        if bytes > MAX_METADATA_BYTES {
            return Err(EditRejected::TooLarge { bytes });
        }
        Ok(metadata)
    }
}

/// How much it takes as JSON.
fn json_bytes(metadata: &Metadata) -> usize {
    serde_json::json!(metadata).to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn edits() {
        let metadata = map(&[("a", "1"), ("b", "2")]);
        let metadata = MetadataEdit::Merge(map(&[("b", "3"), ("c", "4")])).apply(metadata).unwrap();
        assert_eq!(metadata, map(&[("a", "1"), ("b", "3"), ("c", "4")]));
        let metadata = MetadataEdit::Remove("b".to_owned()).apply(metadata).unwrap();
        assert_eq!(metadata, map(&[("a", "1"), ("c", "4")]));
        let missing = MetadataEdit::Remove("b".to_owned()).apply(metadata.clone());
        assert_eq!(missing, Err(EditRejected::NoSuchKey));
        assert_eq!(MetadataEdit::Replace(map(&[("z", "0")])).apply(metadata), Ok(map(&[("z", "0")])));
    }

    #[test]
    fn what_is_too_large_can_only_become_less() {
        let long = |len: usize| "x".repeat(len);
        // what {"a":"","b":""} takes beside the values
        let room = MAX_METADATA_BYTES - 15;
        let metadata = map(&[("a", &long(room - 1))]);
        let full = MetadataEdit::Merge(map(&[("b", "1")])).apply(metadata.clone()).unwrap();
        assert_eq!(json_bytes(&full), MAX_METADATA_BYTES);
        let too_large = Err(EditRejected::TooLarge { bytes: MAX_METADATA_BYTES + 1 });
        assert_eq!(MetadataEdit::Merge(map(&[("b", "12")])).apply(metadata.clone()), too_large);
        // an escaped sign counts as it is written
        assert_eq!(MetadataEdit::Merge(map(&[("b", "\"")])).apply(metadata), too_large);

        let already = map(&[("a", &long(room)), ("b", &long(room)), ("c", "")]);
        let less = MetadataEdit::Remove("c".to_owned()).apply(already).unwrap();
        assert_eq!(
            MetadataEdit::Merge(map(&[("b", "1")])).apply(less.clone()).unwrap_err(),
            EditRejected::TooLarge { bytes: MAX_METADATA_BYTES + 1 }
        );
        assert_eq!(MetadataEdit::Replace(map(&[("b", "1")])).apply(less), Ok(map(&[("b", "1")])));
    }
}
