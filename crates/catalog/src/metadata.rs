//! The maps of keys and values that users hang on volumes, snapshots and backups.

use std::collections::BTreeMap;

/// A user's metadata: text keys, text values, stored as a JSON object.
pub type Metadata = BTreeMap<String, String>;

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

impl MetadataEdit {
    /// Makes the change; `false` when the key to be taken away is not there.
    pub(crate) fn apply(&self, metadata: &mut Metadata) -> bool {
        match self {
            Self::Merge(more) => metadata.extend(more.clone()),
            Self::Replace(all) => metadata.clone_from(all),
            Self::Remove(key) => return metadata.remove(key).is_some(),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn edits() {
        let mut metadata = map(&[("a", "1"), ("b", "2")]);
        assert!(MetadataEdit::Merge(map(&[("b", "3"), ("c", "4")])).apply(&mut metadata));
        assert_eq!(metadata, map(&[("a", "1"), ("b", "3"), ("c", "4")]));
        assert!(MetadataEdit::Remove("b".to_owned()).apply(&mut metadata));
        assert!(!MetadataEdit::Remove("b".to_owned()).apply(&mut metadata));
        assert!(MetadataEdit::Replace(map(&[("z", "0")])).apply(&mut metadata));
        assert_eq!(metadata, map(&[("z", "0")]));
    }
}
