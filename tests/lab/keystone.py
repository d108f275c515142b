"""A private Keystone in one directory: SQLite, Fernet tokens, gunicorn, on loopback.

Its users are the same in every lab, and their passwords are all `secret`:

    demo             member of the project demo
    demo_reader      reader of demo
    alt_demo         member of the project alt_demo
    alt_demo_reader  reader of alt_demo
    admin            admin of admin, demo and alt_demo
    cinder           the service user, of the project service
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from identity import DOMAIN, PASSWORD, Login
from processes import Daemon, LabError, choose_port, port_is_free
from waiting import until

ROOT = Path(__file__).resolve().parents[2]
REGION = "RegionOne"
PROJECTS = ("admin", "service", "demo", "alt_demo")
ROLES = ("admin", "member", "reader", "service", "manager", "creator")
USERS = {
    "admin": {"admin": ("admin", "member", "reader"), "demo": ("admin",), "alt_demo": ("admin",)},
    "demo": {"demo": ("member", "reader")},
    "demo_reader": {"demo": ("reader",)},
    "alt_demo": {"alt_demo": ("member", "reader")},
    "alt_demo_reader": {"alt_demo": ("reader",)},
    "cinder": {"service": ("admin", "service")},
}
# Old clients look for the one, new ones for the other.
BLOCK_STORAGE = {"block-storage": "cinder", "volumev3": "cinderv3"}

CONF = """\
[DEFAULT]
log_file = {dir}/keystone.log
public_endpoint = {base}/
[database]
connection = sqlite:///{dir}/keystone.db
sqlite_synchronous = false
[token]
provider = fernet
expiration = {token_seconds}
[fernet_tokens]
key_repository = {dir}/fernet-keys
[fernet_receipts]
key_repository = {dir}/fernet-keys
[credential]
key_repository = {dir}/credential-keys
[cache]
enabled = true
backend = dogpile.cache.memory
[identity]
# tests log in a thousand times
password_hash_rounds = 4
[oslo_policy]
enforce_scope = true
enforce_new_defaults = true
"""

# Keystone hands sys.argv to oslo.config, which does not know gunicorn's options.
APPLICATION = """\
import sys
sys.argv = ["keystone"]
from keystone.wsgi.api import application  # noqa: E402,F401
"""


class Keystone:
    def __init__(self, directory: Path) -> None:
        self.dir = directory
        self.conf = directory / "keystone.conf"
        self.log = directory / "gunicorn.log"
        self.token_seconds = 86400  # how long a token is valid; a restart makes a change count
        self.daemon = Daemon("keystone", directory / "keystone.pid", str(directory))

    def start(self) -> None:
        """Idempotent; returns when it answers and all projects, users and roles are there."""
        if not (self.dir / "complete").exists():
            self.stop()
            self.wipe()
            self._make()
        if not self.daemon.pid():
            self._serve()
        self._seed()
        self._publish({"identity": self.url()})  # another port than last time, perhaps
        (self.dir / "complete").touch()

    def stop(self) -> list[str]:
        said = self.daemon.end()
        return [said] if said else []

    def restart(self) -> None:
        self.stop()
        self.start()

    def wipe(self) -> None:
        if self.daemon.pid():
            raise LabError(f"{self.dir} is in use by a running Keystone")
        shutil.rmtree(self.dir, ignore_errors=True)

    def url(self) -> str:
        return f"{self._base()}/v3"

    def login(self, user: str, project: str | None = None) -> Login:
        return Login(self.url(), user, project)

    def publish(self, block_storage: str) -> None:
        """Put the address of Cindervault into the catalogue."""
        self._publish({kind: f"{block_storage}/v3/%(project_id)s" for kind in BLOCK_STORAGE})

    def _publish(self, urls: dict[str, str]) -> None:
        admin = self.login("admin", "admin")
        services = admin.ask("GET", "/services")["services"]
        endpoints = admin.ask("GET", "/endpoints")["endpoints"]
        for kind, url in urls.items():
            service = next((service for service in services if service["type"] == kind), None)
            if service is None:
                body = {"service": {"type": kind, "name": BLOCK_STORAGE[kind]}}
                service = admin.ask("POST", "/services", body)["service"]
            for interface in ("public", "internal", "admin"):
                known = next((endpoint for endpoint in endpoints if endpoint["service_id"] == service["id"]
                              and endpoint["interface"] == interface), None)
                wanted = {"service_id": service["id"], "interface": interface, "region_id": REGION, "url": url}
                if known is None:
                    admin.ask("POST", "/endpoints", {"endpoint": wanted})
                elif known["url"] != url:
                    admin.ask("PATCH", f"/endpoints/{known['id']}", {"endpoint": {"url": url}})

    def _make(self) -> None:
        for keys in ("fernet-keys", "credential-keys"):
            (self.dir / keys).mkdir(mode=0o700, parents=True)
        (self.dir / "keystone_app.py").write_text(APPLICATION)
        self._choose_port()
        user = ("--keystone-user", str(os.geteuid()), "--keystone-group", str(os.getegid()))
        with ThreadPoolExecutor(3) as together:
            parts = [together.submit(self._manage, *command) for command in
                     (("db_sync",), ("fernet_setup", *user), ("credential_setup", *user))]
        for part in parts:
            part.result()
        self._manage("bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-username", "admin",
                     "--bootstrap-project-name", "admin", "--bootstrap-role-name", "admin",
                     "--bootstrap-service-name", "keystone", "--bootstrap-region-id", REGION,
                     *(word for interface in ("admin", "public", "internal")
                       for word in (f"--bootstrap-{interface}-url", self.url())))

    def _serve(self) -> None:
        self._choose_port()
        # One process: SQLite and the cache in memory are of one mind then. Threads are enough.
        command = [str(venv() / "bin/gunicorn"), "--bind", self._base().removeprefix("http://"), "--workers", "1",
                   "--threads", "8", "--timeout", "120", "--no-control-socket", "--chdir", str(self.dir),
                   "--error-logfile", str(self.log), "keystone_app:application"]
        with open(self.log, "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                                       start_new_session=True, env=self._environment())
            self.daemon.record(process.pid)
        self._await_ready(process)

    def _await_ready(self, process: subprocess.Popen, patience: float = 60.0) -> None:
        def look() -> str | None:
            missing = self._missing()
            if missing is not None and process.poll() is not None:
                raise TimeoutError(f"it ended with {process.returncode}")
            return missing

        try:
            until(look, lambda missing: missing is None, "Keystone to answer", patience)
        except TimeoutError as error:
            last_words = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            raise LabError(f"Keystone does not start: {error}; {self.log} ends with\n{last_words}") from error

    def _missing(self) -> str | None:
        connection = http.client.HTTPConnection(self._base().removeprefix("http://"), timeout=30)
        try:
            connection.request("GET", "/v3")
            answer = connection.getresponse()
            return None if answer.status == 200 else f"GET /v3 answers {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            return f"it does not answer: {error}"
        finally:
            connection.close()

    def _seed(self) -> None:
        admin = self.login("admin", "admin")
        projects = {name: _ensure(admin, "project", name, domain_id=DOMAIN) for name in PROJECTS}
        roles = {name: _ensure(admin, "role", name) for name in ROLES}
        for name, grants in USERS.items():
            user = _ensure(admin, "user", name, domain_id=DOMAIN, password=PASSWORD)
            for project, granted in grants.items():
                for role in granted:
                    admin.ask("PUT", f"/projects/{projects[project]}/users/{user}/roles/{roles[role]}")

    def _choose_port(self) -> None:
        if (self.dir / "port").exists() and not os.environ.get("KEYSTONE_PORT") and port_is_free(self._port()):
            port = self._port()
        else:
            port = choose_port("KEYSTONE_PORT", 5000, "Keystone")
        (self.dir / "port").write_text(f"{port}\n")
        self.conf.write_text(CONF.format(dir=self.dir, base=self._base(), token_seconds=self.token_seconds))

    def _base(self) -> str:
        return f"http://127.0.0.1:{self._port()}"

    def _port(self) -> int:
        return int((self.dir / "port").read_text())

    def _environment(self) -> dict[str, str]:
        foreign = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        return foreign | {"OS_KEYSTONE_CONFIG_FILES": str(self.conf)}

    def _manage(self, *arguments: str) -> None:
        command = [str(venv() / "bin/keystone-manage"), "--config-file", str(self.conf), *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, cwd=self.dir, env=self._environment(), start_new_session=True)
        if done.returncode:
            raise LabError(f"keystone-manage {arguments[0]}\nended with {done.returncode}:\n{done.stdout}")


def _ensure(admin: Login, kind: str, name: str, **more: str) -> str:
    """The id of a project, role or user, made if there is none."""
    found = admin.ask("GET", f"/{kind}s?name={name}")[f"{kind}s"]
    return (found[0] if found else admin.ask("POST", f"/{kind}s", {kind: {"name": name, **more}})[kind])["id"]


def venv() -> Path:
    path = ROOT / (os.environ.get("KEYSTONE_VENV") or ".venv-keystone")
    if not (path / "bin/gunicorn").exists():
        raise LabError(f"there is no Keystone in {path}: run `make deps AUTH=keystone`")
    return path
