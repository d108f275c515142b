//! The metadata object `backup.<backup>.meta` (format spec 4).

use fail_points::Point;
use rbd::{Errno, Pool};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::mutation;
use crate::names::metadata_object;

/// The version that Cinder writes and reads.
const VERSION: u64 = 2;

/// Cinder reads at most this much, bytes.
const LIMIT: usize = 1 << 20;

/// What a metadata object carries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VolumeMetadata {
    /// The volume's own columns (`volume-base-metadata`).
    pub base: Map<String, Value>,
    /// The user's keys (`volume-metadata`).
    pub user: Map<String, Value>,
    /// What came from the image that the volume was made from (`volume-glance-metadata`).
    pub image: Map<String, Value>,
}

impl VolumeMetadata {
    /// Whether an object can carry it.
    ///
    /// # Errors
    /// It is too large ([`Error::MetadataTooLarge`]).
    pub(crate) fn check(&self) -> Result<()> {
        self.encode().map(drop)
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let mut object = Map::new();
        object.insert("version".to_owned(), VERSION.into());
        object.insert("volume-base-metadata".to_owned(), self.base.clone().into());
        // Cinder leaves empty ones out
        for (key, map) in [("volume-metadata", &self.user), ("volume-glance-metadata", &self.image)] {
            if !map.is_empty() {
                object.insert(key.to_owned(), map.clone().into());
            }
        }
        let bytes = Value::from(object).to_string().into_bytes();
        if bytes.len() >= LIMIT {
            return Err(Error::MetadataTooLarge { len: bytes.len(), limit: LIMIT });
        }
        Ok(bytes)
    }

    fn decode(object: &str, bytes: &[u8]) -> Result<Self> {
        let bad = |reason: String| Error::BadMetadata { object: object.to_owned(), reason };
        let value: Value = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        let mut version = value.get("version").and_then(Value::as_u64);
        if version == Some(1) {
            version = Some(VERSION); // the same shape, with fewer members
        }
        if version != Some(VERSION) {
            return Err(bad(format!("version {} is not one of 1 and 2", value.get("version").unwrap_or(&Value::Null))));
        }
        let map = |key: &str| match value.get(key) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map.clone()),
            Some(_) => Err(bad(format!("{key} is no object"))),
        };
        Ok(Self {
            base: map("volume-base-metadata")?,
            user: map("volume-metadata")?,
            image: map("volume-glance-metadata")?,
        })
    }
}

/// Writes the object, in place of one that an interrupted attempt left.
///
/// # Errors
/// The metadata is too large, or Ceph failed.
pub async fn write(pool: &Pool, backup: Uuid, metadata: &VolumeMetadata) -> Result<()> {
    mutation::write_object(Point::WriteMetadata, pool, &metadata_object(backup), metadata.encode()?).await?;
    Ok(())
}

/// Reads the object. `None` when there is none: the backup is whole without it.
///
/// # Errors
/// It can not be read or understood ([`Error::BadMetadata`]), which does not matter to the backup's data; or Ceph failed.
pub async fn read(pool: &Pool, backup: Uuid) -> Result<Option<VolumeMetadata>> {
    let object = metadata_object(backup);
    let bytes = match pool.read_object(&object, LIMIT).await {
        Err(error) if error.errno == Errno::IO => {
            return Err(Error::BadMetadata { object, reason: error.to_string() });
        }
        read => read?,
    };
    bytes.map(|bytes| VolumeMetadata::decode(&object, &bytes)).transpose()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut metadata = VolumeMetadata::default();
        metadata.base.insert("display_name".to_owned(), "data".into());
        metadata.user.insert("k".to_owned(), "v".into());
        let bytes = metadata.encode().unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"version":2,"volume-base-metadata":{"display_name":"data"},"volume-metadata":{"k":"v"}}"#
        );
        assert_eq!(VolumeMetadata::decode("o", &bytes).unwrap(), metadata);
    }

    /// Some JSON.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                members(inner).prop_map(Value::Object),
            ]
        })
    }

    fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        prop::collection::btree_map(any::<String>(), value, 0..4).prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        #[test]
        fn any_metadata_that_is_written_can_be_read(base in members(value()), user in members(value()), image in members(value())) {
            let metadata = VolumeMetadata { base, user, image };
            prop_assert_eq!(VolumeMetadata::decode("o", &metadata.encode().unwrap()).unwrap(), metadata);
        }

        #[test]
        fn any_object_is_read_or_refused_by_its_name(
            bytes: Vec<u8>,
            mut object in members(value()),
            version in prop_oneof![Just(json!(1)), Just(json!(2)), value()],
            odd in value(),
        ) {
            object.insert("version".to_owned(), version.clone());
            object.insert("volume-metadata".to_owned(), odd.clone());
            for (bytes, ours) in [(bytes, None), (Value::from(object).to_string().into_bytes(), Some(()))] {
                match VolumeMetadata::decode("the object", &bytes) {
                    Ok(read) => {
                        // what was understood is understood again
                        prop_assert_eq!(VolumeMetadata::decode("o", &read.encode().unwrap()).unwrap(), read);
                        prop_assert!(ours.is_none() || version == 1 || version == 2);
                    }
                    Err(error) => {
                        prop_assert!(error.to_string().contains("the object"), "{error}");
                        let known = version == 1 || version == 2;
                        prop_assert!(ours.is_none() || !known || !(odd.is_object() || odd.is_null()));
                    }
                }
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!(r#"{{"version": 2, "volume-metadata": {}"#, r#"{"x":"#.repeat(100_000));
        assert!(matches!(VolumeMetadata::decode("o", deep.as_bytes()), Err(Error::BadMetadata { .. })));
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for bytes in ["", "[]", "{}", r#"{"version": 3}"#, r#"{"version": 2, "volume-metadata": 1}"#] {
            assert!(matches!(VolumeMetadata::decode("o", bytes.as_bytes()), Err(Error::BadMetadata { .. })), "{bytes}");
        }
    }

    #[test]
    fn too_large_is_refused_before_anything_is_written() {
        let mut metadata = VolumeMetadata::default();
        metadata.user.insert("k".to_owned(), "x".repeat(LIMIT).into());
        assert!(matches!(metadata.encode(), Err(Error::MetadataTooLarge { .. })));
    }
}
