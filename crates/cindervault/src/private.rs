//! Files with secrets must be read by few: a password that everybody on the host can read is none. And what is in them
//! must be such that nobody has to be told of it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::bail;
use figment::Figment;
use figment::providers::Format;
use rbd::KeySources;

use crate::cephx;
use crate::config::{CephPool, Config, Toml, has_password};

/// Everybody: those who are neither the owner nor of the group.
const OTHERS: u32 = 0o007;

/// Refuses files with secrets that everybody on the host can open: the configuration, where it holds a password, and
/// whatever holds the keys of the cephx users; and keys that are none.
///
/// # Errors
/// There is one; what to do is said.
pub(crate) fn check(file: &Path, config: &Config) -> anyhow::Result<()> {
    if has_passwords(file) {
        refuse(file, "it holds passwords")?;
    }
    if let Some(password) = &config.auth.keystone.password_file {
        refuse(password, "it holds a password")?;
    }
    for CephPool { conf, user, .. } in [&config.volumes.ceph, &config.backups.ceph] {
        // a conf that can not be read is told of where it is used
        if let Ok(sources) = KeySources::read(conf, user) {
            key(conf, user, &sources)?;
        }
    }
    Ok(())
}

/// Looks at the key of a cephx user, wherever it is.
fn key(conf: &Path, user: &str, sources: &KeySources) -> anyhow::Result<()> {
    let secret = format!("it holds the key of client.{user}");
    let sound = |file: &Path, key: &str| {
        if !cephx::is_key(key) {
            bail!("{}: the key of client.{user} is none: take what `ceph auth get-key` shows", file.display());
        }
        Ok(())
    };
    if !sources.key.is_empty() {
        refuse(conf, &secret)?;
        sound(conf, &sources.key)?;
    }
    if let Some(file) = &sources.keyfile {
        refuse(file, &secret)?;
        if let Ok(text) = std::fs::read_to_string(file) {
            sound(file, text.trim_end())?;
        }
    }
    for file in &sources.keyrings {
        refuse(file, &secret)?;
        // what can not be read is told of by librados, which has nothing to tell of it either
        let line = std::fs::read_to_string(file).ok().and_then(|text| cephx::bad_line(&text));
        if let Some(line) = line {
            bail!(
                "{}, line {line}: that is no key, nor caps: take what `ceph auth get client.{user}` shows",
                file.display()
            );
        }
    }
    Ok(())
}

/// Whether there are passwords in the file itself, not only in the environment.
fn has_passwords(file: &Path) -> bool {
    let file = Figment::new().merge(Toml::file_exact(file));
    let text = |key: &str| file.extract_inner::<String>(key).unwrap_or_default();
    has_password(&text("database.url")) || !text("auth.keystone.password").is_empty()
}

fn refuse(file: &Path, why: &str) -> anyhow::Result<()> {
    let Ok(metadata) = file.metadata() else { return Ok(()) };
    let mode = metadata.permissions().mode();
    if mode & OTHERS != 0 {
        let (file, mode) = (file.display(), mode & 0o777);
        bail!("everybody on this host can open {file} (mode {mode:o}), and {why}: chmod o-rwx {file}");
    }
    Ok(())
}
