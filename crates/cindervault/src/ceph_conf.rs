//! What hosts have to know to reach the volumes' cluster, as far as its conf file says it.
//!
//! Only the API uses it, which may run where there is no Ceph: without the file hosts look into their own.

use std::path::Path;

use api::Connection;

use crate::config::CephPool;

/// The port of a monitor for which none is named.
const MONITOR_PORT: &str = "6789";

/// How hosts reach this pool's cluster.
pub(crate) fn connection(pool: &CephPool) -> Connection {
    let conf = match std::fs::read_to_string(&pool.conf) {
        Ok(conf) => conf,
        Err(error) => {
            tracing::info!(
                error = &error as &dyn std::error::Error,
                path = %pool.conf.display(),
                "attachments do not say where the monitors are"
            );
            String::new()
        }
    };
    let (hosts, ports) = monitors(option(&conf, "mon host").unwrap_or_default()).into_iter().unzip();
    Connection {
        hosts,
        ports,
        cluster_name: name(&pool.conf),
        auth_username: (!pool.user.is_empty()).then(|| pool.user.clone()),
        // as Cinder's driver, which keeps the key under the cluster's id unless it is told another name
        secret_uuid: option(&conf, "fsid").map(str::to_owned),
    }
}

/// The cluster's name is the file's.
fn name(conf: &Path) -> String {
    conf.file_stem().map_or_else(|| "ceph".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// An option of the global section. Words of its name may be joined by blanks, underscores or hyphens.
fn option<'c>(conf: &'c str, name: &str) -> Option<&'c str> {
    let mut global = false;
    let mut found = None;
    for line in conf.lines().map(|line| line.split(['#', ';']).next().unwrap_or_default().trim()) {
        if let Some(section) = line.strip_prefix('[') {
            global = section.trim_end_matches(']').trim() == "global";
        } else if let Some((key, value)) = line.split_once('=').filter(|_| global)
            && key.trim().replace(['_', '-'], " ") == name
        {
            found = Some(value.trim());
        }
    }
    found.filter(|value| !value.is_empty())
}

/// Hosts and ports of `mon host`: addresses, or for each monitor those of its protocols in brackets. Where there are some
/// of the protocol that every client speaks, only these are taken, as by Cinder's driver.
fn monitors(addresses: &str) -> Vec<(String, String)> {
    let pieces =
        || addresses.split([',', ' ', '\t']).map(|piece| piece.strip_prefix("[v").map_or(piece, |_| &piece[1..]));
    let old = pieces().any(|piece| piece.starts_with("v1:"));
    pieces().filter(|piece| !(old && piece.starts_with("v2:"))).filter_map(host_and_port).collect()
}

/// `192.0.2.1:6789/0`, with or without the protocol, the port and what follows it; `[2001:db8::1]:6789`. The bracket that
/// ends a monitor's addresses may stand behind it.
fn host_and_port(address: &str) -> Option<(String, String)> {
    let address = address.trim_start_matches("v1:").trim_start_matches("v2:");
    let address = address.split('/').next().unwrap_or_default();
    let (host, port) = match address.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map(|(host, port)| (host, port.trim_start_matches(':')))?,
        None => address.split_once(':').unwrap_or((address, "")),
    };
    let (host, port) = (host.trim_end_matches(']'), port.trim_end_matches(']'));
    let port = if port.is_empty() { MONITOR_PORT } else { port };
    (!host.is_empty()).then(|| (host.to_owned(), port.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monitors_are_found_in_every_form() {
        for (addresses, expected) in [
            ("", ""),
            ("192.0.2.1", "192.0.2.1 6789"),
            ("192.0.2.1:6790, mon.example.org", "192.0.2.1 6790,mon.example.org 6789"),
            ("[v2:127.0.0.1:3302,v1:127.0.0.1:6791]", "127.0.0.1 6791"),
            (
                "[v2:192.0.2.1:3300/0,v1:192.0.2.1:6789/0] [v2:192.0.2.2:3300/0,v1:192.0.2.2:6789/0]",
                "192.0.2.1 6789,192.0.2.2 6789",
            ),
            ("v2:192.0.2.1:3300", "192.0.2.1 3300"),
            ("[::1]:6790,[2001:db8::1]", "::1 6790,2001:db8::1 6789"),
            ("[v2:[::1]:3300,v1:[::1]:6789]", "::1 6789"),
            ("[v1:[::1]]", "::1 6789"),
        ] {
            let found: Vec<String> = monitors(addresses).iter().map(|(host, port)| format!("{host} {port}")).collect();
            assert_eq!(found.join(","), expected, "{addresses}");
        }
    }

    #[test]
    fn options_are_those_of_the_global_section() {
        let conf = "fsid = no\n[global]\n mon_host = a # b\nmon-host=c\nfsid =\n[osd]\nmon host = d\n";
        assert_eq!(option(conf, "mon host"), Some("c"));
        assert_eq!(option(conf, "fsid"), None);
    }

    #[test]
    fn without_a_file_hosts_look_into_their_own() {
        let pool =
            CephPool { conf: "/nowhere/backup.conf".into(), user: "cinder".to_owned(), pool: "volumes".to_owned() };
        let expected = Connection {
            cluster_name: "backup".to_owned(),
            auth_username: Some("cinder".to_owned()),
            ..Connection::default()
        };
        assert_eq!(connection(&pool), expected);
    }
}
