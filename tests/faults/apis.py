"""A second API of a server: a process of its own on a port of its own."""

from __future__ import annotations

import os
import signal
import subprocess

from conformance.server import FIRST_PORT, Server
from conformance.wire import exchange
from processes import Daemon, interruptions_deferred, one_start_at_a_time, port_is_free
from service import binary
from waiting import until


class Api:
    """A `cindervault api` with the configuration of a server."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.port = 0
        self.conf = server.dir / f"{name}.toml"
        self.log = server.dir / f"{name}.log"
        self.daemon = Daemon(f"cindervault api {name}", server.dir / f"{name}.pid", str(self.conf))

    def start(self) -> Api:
        with one_start_at_a_time():
            if not self.port:
                self.port = next(port for port in range(FIRST_PORT, 65536) if port_is_free(port))
            self._spawn()
            until(self._answers, bool, f"{self.name} to answer")
        return self

    def stop(self) -> None:
        self.daemon.end(signal.SIGTERM, patience=40.0)

    def _spawn(self) -> None:
        self.server.write_conf()
        private = lambda name, flags: os.open(name, flags, 0o600)  # noqa: E731 - it holds the database's password
        with open(self.conf, "w", opener=private) as file:
            file.write(self.server.conf.read_text())
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CINDERVAULT_")}
        environment["CINDERVAULT__API__LISTEN"] = f"127.0.0.1:{self.port}"
        with interruptions_deferred(), open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(binary()), "api", "--config", str(self.conf)], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            self.daemon.record(self.process.pid)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-3000:]
        try:
            return exchange(f"http://127.0.0.1:{self.port}", "GET", "/healthcheck", None, {}).status == 200
        except OSError:
            return False
