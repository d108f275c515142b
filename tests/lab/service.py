"""The service under test: its configuration, its process, and when it is ready."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import tomllib
from pathlib import Path

from cluster import BACKUPS_POOL, VOLUMES_POOL, Cluster
from database import Database
from identity import PASSWORD, Login
from keystone import REGION, Keystone
from processes import Daemon, LabError, choose_port, interruptions_deferred, port_is_free
from waiting import until

ROOT = Path(__file__).resolve().parents[2]

CONF = """\
[api]
listen = "127.0.0.1:{port}"

[database]
url = "{database}"

{auth}
[volumes]
source = "standalone"

[volumes.ceph]
conf = "{ceph}"
user = "cindervault-volumes"
pool = "{volumes}"

[backups.ceph]
conf = "{ceph}"
user = "cindervault-backups"
pool = "{backups}"

[worker]
"""


NOAUTH = """\
[auth]
mode = "noauth"
"""

KEYSTONE = """\
[auth]
mode = "keystone"

[auth.keystone]
auth_url = "{url}"
username = "cinder"
password = "{password}"
project_name = "service"
user_domain_name = "Default"
project_domain_name = "Default"
region = "{region}"
"""


class Service:
    def __init__(self, directory: Path, project: str) -> None:
        self.dir = directory
        self.project = project
        self.conf = directory / "cindervault.toml"
        self.log = directory / "cindervault.log"
        self.admin: Login | None = None  # in a lab with a Keystone
        self.daemon = Daemon("cindervault", directory / "cindervault.pid", str(self.conf))

    def start(self, cluster: Cluster, database: Database, keystone: Keystone | None = None) -> None:
        """Idempotent; returns when the API answers and a worker is up."""
        self.admin = keystone.login("admin", "admin") if keystone else None
        if self.daemon.pid():
            return
        port = self._choose_port()
        private = lambda name, flags: os.open(name, flags, 0o600)  # noqa: E731 - it holds the database's password
        with open(self.conf, "w", opener=private) as file:
            file.write(CONF.format(port=port, database=database.url(), ceph=cluster.conf, auth=_auth(keystone),
                                   volumes=VOLUMES_POOL, backups=BACKUPS_POOL))
        with interruptions_deferred(), open(self.log, "ab") as log:
            process = subprocess.Popen([str(binary()), "serve", "--config", str(self.conf)], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)
            self.daemon.record(process.pid)
        self._await_ready(process)

    def stop(self) -> list[str]:
        said = self.daemon.end(patience=40.0)  # longer than the service gives its running jobs
        return [said] if said else []

    def running_auth(self) -> str | None:
        """How the service that runs knows its callers: noauth or keystone."""
        return tomllib.loads(self.conf.read_text())["auth"]["mode"] if self.daemon.pid() else None

    def base(self) -> str:
        return f"http://127.0.0.1:{self._port()}"

    def url(self) -> str:
        return f"{self.base()}/v3/{self.project}"

    def _choose_port(self) -> int:
        if not os.environ.get("API_PORT") and self.conf.exists() and port_is_free(self._port()):
            return self._port()
        return choose_port("API_PORT", 8776, "the API")

    def _port(self) -> int:
        listen = next(line for line in self.conf.read_text().splitlines() if line.startswith("listen"))
        return int(listen.strip('"').rsplit(":", 1)[1])

    def _await_ready(self, process: subprocess.Popen, patience: float = 60.0) -> None:
        def look() -> str | None:
            missing = self._missing()
            if missing is not None and process.poll() is not None:
                raise LabError(f"cindervault ended with {process.returncode} while starting; {self.log} ends with\n"
                               f"{self.last_words()}")
            return missing

        try:
            until(look, lambda missing: missing is None, "cindervault to be ready", patience)
        except TimeoutError as error:
            raise LabError(f"{error}; {self.log} ends with\n{self.last_words()}") from error

    def _missing(self) -> str | None:
        """What keeps the service from being ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port(), timeout=10)
        try:
            connection.request("GET", "/healthcheck")
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status != 200 or text.strip() != "OK":
                return f"GET /healthcheck answers {answer.status} {text!r}"
            connection.request("GET", "/v3/os-services", headers={"X-Auth-Token": self.admin.token if self.admin else ""})
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status != 200:
                return f"GET os-services answers {answer.status} {text}"
            services = json.loads(text)["services"]
        except (OSError, http.client.HTTPException) as error:
            return f"the API does not answer: {error}"
        finally:
            connection.close()
        if any(service["binary"] == "cinder-backup" and service["state"] == "up" for service in services):
            return None
        return f"no cinder-backup is up among {services}"

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])


def _auth(keystone: Keystone | None) -> str:
    return KEYSTONE.format(url=keystone.url(), password=PASSWORD, region=REGION) if keystone else NOAUTH


def binary() -> Path:
    given = os.environ.get("CINDERVAULT_BIN")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    path = Path(given) if given else target / "release/cindervault"
    if not os.access(path, os.X_OK):
        raise LabError(f"there is no {path}: run `make build`, or name another with CINDERVAULT_BIN")
    return path.resolve()
