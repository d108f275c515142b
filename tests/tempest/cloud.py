"""What tempest is told of the cloud: its configuration, and the accounts that it may use."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

from conformance.people import Identity
from identity import PASSWORD
from keystone import REGION

DOMAIN = "Default"


class Cloud:
    """A Keystone, the Cindervault in its catalogue, and a directory for tempest's files."""

    def __init__(self, identity: Identity, directory: Path) -> None:
        self.identity = identity
        self.dir = directory

    def with_accounts(self, workers: int) -> Path:
        """A configuration with accounts made beforehand, enough for as many workers.

        Some classes of tests make a network, or a client of the image service, before they know whether one is
        needed. Neutron and Glance count as there so that those classes can begin; none of the selected tests calls
        them, and accounts made beforehand bring no networks.
        """
        accounts = self.dir / "accounts.yaml"
        accounts.write_text(json.dumps(self._accounts(workers)))  # JSON is YAML
        return self._write("accounts", {
            "auth": {"use_dynamic_credentials": False, "test_accounts_file": accounts},
            "service_available": {"neutron": True, "glance": True},
        })

    def with_dynamic_credentials(self) -> Path:
        """A configuration with which tempest makes projects and users itself."""
        return self._write("dynamic", {
            "auth": {"use_dynamic_credentials": True, "admin_username": "admin", "admin_project_name": "admin",
                     "admin_password": PASSWORD, "admin_domain_name": DOMAIN},
            "service_available": {"neutron": False, "glance": False},
        })

    def _accounts(self, workers: int) -> list[dict]:
        """Tempest takes the first free one with the role that it wants. For somebody elsewhere it takes the first
        free one of all, so that those who are to be that come first."""
        elsewhere = [self._account(self.identity.project(), ("member", "reader"), roles=["alt_member"])
                     for _ in range(workers)]
        return elsewhere + [account for _ in range(workers) for account in self._accounts_of_one()]

    def _accounts_of_one(self) -> list[dict]:
        """Those that one worker needs besides."""
        primary, administrators = self.identity.project(), self.identity.project()
        return [
            self._account(primary, ("member", "reader"), roles=["member"]),
            self._account(primary, ("reader",), roles=["reader"]),
            self._account(administrators, ("admin", "member", "reader"), types=["admin"]),
        ]

    def _account(self, project: tuple[str, str], granted: tuple[str, ...], **known_as: list[str]) -> dict:
        name, project_id = project
        login = self.identity.login(name, project_id, granted)
        return {"username": login.user, "password": PASSWORD, "user_domain_name": DOMAIN, "project_name": name,
                "project_domain_name": DOMAIN} | known_as

    def _write(self, name: str, more: dict[str, dict]) -> Path:
        # Tempest's waits are a request and a nap of whole seconds; without the naps they are requests.
        waits = {"build_interval": 0, "build_timeout": 60}
        conf = {
            "DEFAULT": {"log_file": self.dir / f"{name}.log"},
            "oslo_concurrency": {"lock_path": self.dir / "locks"},
            "identity": {"uri_v3": self.identity.keystone.url(), "auth_version": "v3", "region": REGION},
            "enforce_scope": {"cinder": True},
            "service_available": {"cinder": True, "nova": False, "swift": False},
            "compute": waits,
            "volume": waits | {"catalog_type": "block-storage", "region": REGION, "min_microversion": "3.0",
                               "max_microversion": "3.71", "backup_driver": "ceph", "storage_protocol": "ceph"},
            "volume-feature-enabled": {"backup": True, "snapshot": True, "clone": True, "multi_backend": False,
                                       "extend_volume_with_snapshot": True,
                                       "manage_volume": False, "manage_snapshot": False},
        }
        parser = configparser.ConfigParser(interpolation=None)
        for section in [*conf, *(section for section in more if section not in conf)]:
            options = conf.get(section, {}) | more.get(section, {})
            parser[section] = {option: str(value) for option, value in options.items()}
        path = self.dir / f"{name}.conf"
        with open(path, "w") as file:
            parser.write(file)
        return path
