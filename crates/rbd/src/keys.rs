//! Where the key of a cephx user is.

use std::path::{Path, PathBuf};

use crate::cluster::Handle;
use crate::error::Result;

/// The places where a conf file says that a user's key is, or may be. librados looks into all of them.
pub struct KeySources {
    /// The key itself, where the conf file has it; else empty.
    pub key: String,
    /// The file that holds nothing but the key.
    pub keyfile: Option<PathBuf>,
    /// Where keyrings may be: the first that is there is read.
    pub keyrings: Vec<PathBuf>,
}

/// Without the key.
impl std::fmt::Debug for KeySources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (keyfile, keyrings) = (&self.keyfile, &self.keyrings);
        f.debug_struct("KeySources").field("keyfile", keyfile).field("keyrings", keyrings).finish_non_exhaustive()
    }
}

impl KeySources {
    /// As the conf file says.
    ///
    /// # Errors
    /// The conf can not be read.
    pub fn read(conf: &Path, user: &str) -> Result<Self> {
        let handle = Handle::configured(conf, user)?;
        let (key, keyfile, keyrings) = (handle.option("key")?, handle.option("keyfile")?, handle.option("keyring")?);
        let files = keyrings.split([',', ';', ' ', '\t']).filter(|file| !file.is_empty());
        Ok(Self {
            key,
            keyfile: (!keyfile.is_empty()).then(|| keyfile.into()),
            keyrings: files.map(PathBuf::from).collect(),
        })
    }
}
