//! Files with secrets must be read by few: a password that everybody on the host can read is none.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::bail;
use figment::Figment;
use figment::providers::{Format, Toml};

use crate::config::{CephPool, Config};

/// Everybody: those who are neither the owner nor of the group.
const OTHERS: u32 = 0o007;

/// Refuses files with secrets that everybody on the host can open: the configuration, where it holds a password, and
/// the keyrings of the cephx users.
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
        for keyring in rbd::keyrings(conf, user).unwrap_or_default() {
            refuse(&keyring, &format!("it holds the key of client.{user}"))?;
        }
    }
    Ok(())
}

/// Whether there are passwords in the file itself, not only in the environment.
fn has_passwords(file: &Path) -> bool {
    let file = Figment::new().merge(Toml::file_exact(file));
    let text = |key: &str| file.extract_inner::<String>(key).unwrap_or_default();
    let url = text("database.url");
    let user = url.rsplit_once('@').map_or("", |(user, _)| user);
    let in_url = user.rsplit_once('/').is_some_and(|(_, user)| user.contains(':'));
    in_url || !text("auth.keystone.password").is_empty()
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
