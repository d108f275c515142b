"""Cindervaults for the tests: each with a database, a directory and processes of its own, on a free port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from pathlib import Path
from typing import Any

from cluster import BACKUPS_POOL, VOLUMES_POOL, Cluster
from database import SERVICE, Database
from processes import Daemon, interruptions_deferred, one_start_at_a_time, port_is_free
from service import binary

from waiting import until
from .wire import Client, exchange

# Above what labs choose by themselves.
FIRST_PORT = 18776


class Lab:
    """The Ceph and the Postgres of the run."""

    def __init__(self, directory: Path) -> None:
        self.dir = directory
        self.cluster = Cluster(directory / "ceph")
        self.database = Database(directory / "postgres")

    def sql(self, database: str, statement: str) -> str:
        def ask() -> subprocess.CompletedProcess[str]:
            return subprocess.run(["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", statement,
                                   self.database.url("postgres", database)],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

        # a service at work may hold what is to be emptied; nothing was done then
        done = until(ask, lambda done: "deadlock detected" not in done.stderr, "the statement to get its locks", 60, 0.1)
        assert done.returncode == 0, f"{statement}\n{done.stderr}"
        return done.stdout.strip()


class Server:
    """One Cindervault: its API, its worker, or both in one process."""

    def __init__(self, lab: Lab, name: str, settings: dict[str, dict[str, Any]] | None = None) -> None:
        self.lab = lab
        self.name = name
        self.database = f"conformance_{name}"
        self.dir = lab.dir / "conformance" / name
        self.dir.mkdir(parents=True, exist_ok=True)
        self.conf = self.dir / "cindervault.toml"
        self.settings = settings or {}
        self.port = 0
        self.stop()  # what an earlier run was kept from ending
        lab.sql("postgres", f"DROP DATABASE IF EXISTS {self.database}")
        lab.sql("postgres", f"CREATE DATABASE {self.database} OWNER {SERVICE}")

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *commands: str) -> Server:
        """`serve`, `api`, `worker`: one process each; returns when they are ready."""
        for command in commands:
            self._start(command)
        return self

    def _start(self, command: str) -> None:
        # The port is chosen and then listened on: nobody else may choose it in between.
        with one_start_at_a_time():
            if not self.port:
                self.port = next(port for port in range(FIRST_PORT, 65536) if port_is_free(port))
            self.write_conf()
            process = self._spawn(command)
            if command != "worker":
                until(lambda: self._answers(process, command), bool, f"{self.name}: the API")
        if command != "api":
            until(lambda: self._beats(process, command), bool, f"{self.name}: the worker's heartbeat")

    def fails_to_start(self, command: str) -> bool:
        """Whether it ends by itself, with an error."""
        return self._spawn(command).wait(60) != 0

    def stop(self, *commands: str, sig: signal.Signals = signal.SIGTERM) -> None:
        for command in commands or ("serve", "api", "worker"):
            self._daemon(command).end(sig, patience=40.0)

    def pid(self, command: str) -> int | None:
        return self._daemon(command).pid()

    def runs(self, command: str) -> bool:
        return self.pid(command) is not None

    def pretend_worker(self, seen: str = "1 day") -> None:
        """A backup service whose last heartbeat was, or will be, then; it does nothing."""
        self.sql("INSERT INTO services (binary_name, host, zone, heartbeat_at) "
                 f"VALUES ('cinder-backup', 'lab', 'nova', now() + interval '{seen}')")

    def client(self, project: str | None = None, user: str = "admin") -> Client:
        """A caller of a `noauth` server: everybody is an administrator."""
        project = project or uuid.uuid4().hex
        return Client(self.base, project, f"{user}:{project}")

    def sql(self, statement: str) -> str:
        return self.lab.sql(self.database, statement)

    def rows(self, query: str) -> list[dict[str, Any]]:
        return json.loads(self.sql(f"SELECT coalesce(json_agg(found), '[]') FROM ({query}) AS found"))

    def _daemon(self, command: str) -> Daemon:
        return Daemon(f"cindervault {command} ({self.name})", self.dir / f"{command}.pid", str(self.conf))

    def log(self, command: str) -> Path:
        return self.dir / f"{command}.log"

    def _spawn(self, command: str) -> subprocess.Popen:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CINDERVAULT_")}
        self.started_at = self.sql("SELECT now()")
        with interruptions_deferred(), open(self.log(command), "ab") as log:
            process = subprocess.Popen([str(binary()), command, "--config", str(self.conf)], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True, env=environment)
            self._daemon(command).record(process.pid)
        return process

    def write_conf(self) -> None:
        ceph = {"conf": str(self.lab.cluster.conf)}
        conf = {
            "api": {"listen": f"127.0.0.1:{self.port}"},
            "database": {"url": self.lab.database.url(SERVICE, self.database), "connections": 4},
            "auth": {"mode": "noauth"},
            "volumes": {"source": "standalone"},
            "volumes.ceph": ceph | {"user": "cindervault-volumes", "pool": VOLUMES_POOL},
            "backups.ceph": ceph | {"user": "cindervault-backups", "pool": BACKUPS_POOL},
            # Short times: what a dead worker leaves is to be taken over while a test waits.
            "worker": {"host": "lab", "lease_seconds": 3, "poll_seconds": 1, "heartbeat_seconds": 1},
        }
        for section, values in self.settings.items():
            conf[section] = conf.get(section, {}) | values
        private = lambda name, flags: os.open(name, flags, 0o600)  # noqa: E731 - it holds the database's password
        with open(self.conf, "w", opener=private) as file:
            for section, values in conf.items():
                file.write(f"[{section}]\n")
                file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in values.items())

    def _answers(self, process: subprocess.Popen, command: str) -> bool:
        self._must_run(process, command)
        try:
            return exchange(self.base, "GET", "/healthcheck", None, {}).status == 200
        except OSError:
            return False

    def _beats(self, process: subprocess.Popen, command: str) -> bool:
        self._must_run(process, command)
        return self.sql("SELECT count(*) FROM services WHERE binary_name = 'cinder-backup' "
                        f"AND heartbeat_at > '{self.started_at}'") == "1"

    def _must_run(self, process: subprocess.Popen, command: str) -> None:
        if process.poll() is not None:
            said = "\n".join(self.log(command).read_text(errors="replace").splitlines()[-30:])
            raise AssertionError(f"`cindervault {command}` ({self.name}) ended with {process.returncode}:\n{said}")


class Paused:
    """The OSD stands still inside of this: what is being copied stays being copied."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.pid: int | None = None

    def __enter__(self) -> Paused:
        self.pid = self.lab.cluster.osd.pid()
        assert self.pid, "the lab's OSD does not run"
        os.kill(self.pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGCONT)


def job_is_held(server: Server, target: str) -> None:
    """Wait until a worker holds the job about this."""
    until(lambda: server.sql(f"SELECT state FROM jobs WHERE target_id = '{target}' ORDER BY created_at DESC LIMIT 1"),
          lambda state: state == "running", f"a worker to take the job of {target}")


def lease_was_renewed(server: Server, target: str) -> None:
    """Wait until the job's worker has looked at its row again; then it knows what was asked of it."""
    lease = f"SELECT lease_until FROM jobs WHERE target_id = '{target}' AND state = 'running'"
    before = server.sql(lease)
    until(lambda: server.sql(lease), lambda now: now and now != before, f"the lease of the job of {target}")
