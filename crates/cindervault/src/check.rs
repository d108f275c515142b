//! Whether everything is there that we need, and what to do where it is not.

use std::net::SocketAddr;

use catalog::Catalog;
use identity::{Keystone, Policy, Standing};
use rbd::{Cluster, Errno};
use serde::Serialize;
use worker::ceph::{needed_caps, probe, probe_fence};

use crate::config::{AuthMode, CephPool, Config};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub what: String,
    /// Whether it can be used.
    pub ok: bool,
    /// Whether it can be used and should be looked at all the same.
    pub warning: bool,
    /// What was found, and what to do about it.
    pub detail: String,
}

impl Finding {
    fn good(what: &str, detail: impl Into<String>) -> Self {
        Self { what: what.to_owned(), ok: true, warning: false, detail: detail.into() }
    }

    fn odd(what: &str, detail: impl Into<String>) -> Self {
        Self { warning: true, ..Self::good(what, detail) }
    }

    fn bad(what: &str, detail: impl Into<String>) -> Self {
        Self { what: what.to_owned(), ok: false, warning: false, detail: detail.into() }
    }

    /// How it went, in a word.
    pub(crate) fn word(&self) -> &'static str {
        match (self.ok, self.warning) {
            (false, _) => "FAILED",
            (true, true) => "warning",
            (true, false) => "ok",
        }
    }
}

/// Looks at everything.
pub(crate) async fn everything(config: &Config) -> Vec<Finding> {
    let mut findings = vec![Finding::good("configuration", "every key is known and in its bounds")];
    findings.extend(open_door(config));
    findings.push(policy(config));
    if config.auth.mode == AuthMode::Keystone {
        findings.push(keystone(config).await);
    }
    findings.push(database(config).await);
    let pools = ceph(config).await;
    let reached = pools.iter().all(|pool| pool.ok);
    findings.extend(pools);
    if reached {
        findings.extend(one_pool_for_both(config).await);
    }
    findings
}

/// Warns of an API that believes everybody and can be reached from elsewhere.
fn open_door(config: &Config) -> Option<Finding> {
    let listen: SocketAddr = config.api.listen.parse().ok()?;
    (config.auth.mode == AuthMode::Noauth && !listen.ip().is_loopback()).then(|| {
        Finding::odd(
            "auth",
            format!(
                "auth.mode is noauth and api.listen is {listen}: whoever reaches that address may do everything; set \
                 auth.mode = \"keystone\", or listen on 127.0.0.1"
            ),
        )
    })
}

/// Warns of backups beside what they are of: what takes the one away takes the other, too.
async fn one_pool_for_both(config: &Config) -> Option<Finding> {
    let (volumes, backups) = (&config.volumes.ceph, &config.backups.ceph);
    if volumes.pool != backups.pool {
        return None;
    }
    let fsid = async |of: &CephPool| Cluster::connect(of.options().cluster).await.ok()?.fsid().ok();
    let (one, other) = tokio::join!(fsid(volumes), fsid(backups));
    (one.is_some() && one == other).then(|| {
        Finding::odd(
            "pools",
            format!(
                "volumes and backups are in pool {} of one cluster: whatever destroys the one destroys the other; give \
                 backups.ceph another pool, better another cluster",
                volumes.pool
            ),
        )
    })
}

/// Looks at the rules.
fn policy(config: &Config) -> Finding {
    let what = "policy";
    match Policy::load(config.policy.settings()) {
        Ok(policy) => {
            let changed = policy.entries().iter().filter(|entry| entry.overridden).count();
            let file = config.policy.file.as_ref().map_or("no file".to_owned(), |file| file.display().to_string());
            let found = format!("{file}: {changed} rules are not the defaults");
            match policy.oddities() {
                odd if odd.is_empty() => Finding::good(what, found),
                odd => Finding::odd(what, format!("{found}; {}", odd.join("; "))),
            }
        }
        Err(error) => Finding::bad(what, chain_of(&error)),
    }
}

/// Logs in to Keystone.
async fn keystone(config: &Config) -> Finding {
    let what = "keystone";
    let keystone = &config.auth.keystone;
    let place = format!("{} as {} in {}", keystone.auth_url, keystone.username, keystone.project_name);
    let connected = match config.auth.keystone_settings() {
        Ok(settings) => Keystone::new(settings),
        Err(error) => return Finding::bad(what, format!("{error:#}")),
    };
    let standing = match connected {
        Ok(keystone) => keystone.probe().await,
        Err(error) => return Finding::bad(what, chain_of(&error)),
    };
    match standing {
        Ok(standing) if standing.may_look_up => Finding::good(what, format!("{place}: logged in")),
        Ok(Standing { roles, .. }) => Finding::bad(
            what,
            format!(
                "{place}: logged in, with the roles {}; to look at others' tokens it needs the role service: \
                 `openstack role add --user {} --project {} service`",
                roles.join(", "),
                keystone.username,
                keystone.project_name
            ),
        ),
        Err(error) => Finding::bad(what, format!("{place}: {}", chain_of(&*error))),
    }
}

/// Looks at the database.
async fn database(config: &Config) -> Finding {
    let what = "database";
    let catalog = match Catalog::connect(&config.database.url, "cindervault check", 2).await {
        Ok(catalog) => catalog,
        Err(error) => return Finding::bad(what, format!("can not be reached: {}", chain_of(&error))),
    };
    let finding = match catalog.ping().await {
        Ok(()) => Finding::good(what, "answers"),
        Err(error) => Finding::bad(what, chain_of(&error)),
    };
    catalog.close().await;
    finding
}

/// Looks at both pools.
pub(crate) async fn ceph(config: &Config) -> Vec<Finding> {
    let (volumes, backups) =
        tokio::join!(pool("volumes pool", &config.volumes.ceph), pool("backups pool", &config.backups.ceph));
    vec![volumes, backups]
}

async fn pool(what: &str, options: &CephPool) -> Finding {
    let CephPool { conf, user, pool } = options;
    let place = format!("pool {pool} as client.{user} with {}", conf.display());
    let cluster = match Cluster::connect(options.options().cluster).await {
        Ok(cluster) => cluster,
        Err(error) => {
            let advice = match error.errno {
                Errno::NOT_FOUND => {
                    "look whether the conf file is there, and whether it (or its directory) has the user's keyring"
                }
                Errno::ACCESS | Errno::NOT_PERMITTED => {
                    "look whether the key in the keyring is the one that `ceph auth get` shows for the user"
                }
                Errno::TIMED_OUT => "look whether the monitors run and can be reached from here",
                _ => "look at the conf file and at the cluster's health",
            };
            return Finding::bad(what, format!("{place}: {error}; {advice}"));
        }
    };
    let opened = match cluster.pool(pool).await {
        Ok(opened) => opened,
        Err(error) if error.is_not_found() => {
            return Finding::bad(
                what,
                format!(
                    "{place}: there is no such pool; make it with `ceph osd pool create {pool} && rbd pool init {pool}`"
                ),
            );
        }
        Err(error) => return Finding::bad(what, format!("{place}: {error}")),
    };
    if let Err(error) = probe_fence(&cluster).await {
        return Finding::bad(
            what,
            format!(
                "{place}: {error}; a worker that lost a job could not be kept from writing: the user needs the cap mon \
                 'profile rbd', which allows `osd blocklist add` (the command replaces what it has): `{}`",
                needed_caps(user, pool)
            ),
        );
    }
    match probe(&opened).await {
        Ok(()) => Finding::good(what, format!("{place}: can be listed, written and read")),
        Err(error) if matches!(error.errno, Errno::NOT_PERMITTED | Errno::ACCESS) => Finding::bad(
            what,
            format!(
                "{place}: {error}; the user lacks caps. It needs these (the command replaces what it has): `{}`",
                needed_caps(user, pool)
            ),
        ),
        Err(error) => Finding::bad(what, format!("{place}: {error}")),
    }
}

/// An error with all that it came from.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
