"""A town: one database, several APIs and workers, each a process that may be killed, stopped and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import zlib
from pathlib import Path

from conformance.server import Lab, Server
from processes import Daemon, one_start_at_a_time, port_is_free
from service import binary
from waiting import until

APIS = ("api-a", "api-b")
WORKERS = ("worker-a", "worker-b", "worker-c")
# Far from what other suites and labs choose by themselves.
FIRST_PORT = 24776
# Connections that a project's own people need besides: those of the faults, which look into the database.
CONNECTIONS = 6


class Town(Server):
    """The processes are restarted by whoever disturbs them; everybody else only asks."""

    def __init__(self, lab: Lab, name: str, more: dict[str, dict] | None = None) -> None:
        settings = {
            "database": {"url": lab.database.url("cindervault", f"conformance_{name}"), "connections": CONNECTIONS},
            "worker": {"lease_seconds": 6, "poll_seconds": 1, "heartbeat_seconds": 5, "drain_seconds": 3},
        }
        for section, values in (more or {}).items():
            settings[section] = settings.get(section, {}) | values
        super().__init__(lab, name, settings)
        self.processes: dict[str, subprocess.Popen] = {}
        self.lock = threading.Lock()
        with one_start_at_a_time():
            # an API that was killed must not find its port taken by another campaign's
            first = FIRST_PORT + 10 * (zlib.crc32(str(lab.dir).encode()) % 1000)
            free = (port for port in range(first, 65536) if port_is_free(port))
            self.ports = {api: next(free) for api in APIS}
            self.port = self.ports[APIS[0]]
            self.write_conf()
            self.spawn(APIS[0])  # alone: it makes the schema
            until(lambda: self.answers(APIS[0]), bool, "the first API")
            for other in (*APIS[1:], *WORKERS):
                self.spawn(other)
        for api in APIS:
            until(lambda api=api: self.answers(api), bool, f"{api}")
        until(lambda: self.sql("SELECT count(*) FROM services WHERE binary_name = 'cinder-backup'"),
              lambda count: int(count) == len(WORKERS), "the workers' heartbeats")

    def spawn(self, name: str) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CINDERVAULT_")}
        environment["CINDERVAULT__WORKER__HOST"] = name
        if name in APIS:
            environment["CINDERVAULT__API__LISTEN"] = f"127.0.0.1:{self.ports[name]}"
        command = "api" if name in APIS else "worker"
        with open(self.log(name), "ab") as log:
            process = subprocess.Popen([str(binary()), command, "--config", str(self.conf)], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True, env=environment)
        self.daemon(name).record(process.pid)
        with self.lock:
            self.processes[name] = process

    def send(self, name: str, sig: signal.Signals) -> None:
        process = self.processes[name]
        if process.poll() is None:
            process.send_signal(sig)

    def ended(self, name: str) -> bool:
        return self.processes[name].poll() is not None

    def restart(self, name: str, patience: float = 60.0) -> None:
        """Waits for the end of the one that was told to end, and starts another."""
        self.processes[name].wait(patience)
        self.spawn(name)

    def answers(self, api: str) -> bool:
        from conformance.wire import exchange

        assert not self.ended(api), f"{api} ended:\n{self.log(api).read_text(errors='replace')[-2000:]}"
        try:
            return exchange(f"http://127.0.0.1:{self.ports[api]}", "GET", "/healthcheck", None, {}).status == 200
        except OSError:
            return False

    def stop(self, *names: str, sig: signal.Signals = signal.SIGTERM) -> None:
        for name in names or (*APIS, *WORKERS):
            self.daemon(name).end(sig, patience=60.0)

    def daemon(self, name: str) -> Daemon:
        return Daemon(f"cindervault {name}", self.dir / f"{name}.pid", str(self.conf))

    def log(self, command: str) -> Path:
        return self.dir / f"{command}.log"
