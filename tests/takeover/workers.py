"""Workers of one database, each a process of its own that can be killed, or stopped and let go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

from conformance.server import Server
from processes import Daemon, interruptions_deferred
from service import binary
from waiting import until


class Worker:
    """A `cindervault worker` beside the API of a server, on a host of its own name."""

    def __init__(self, server: Server, host: str) -> None:
        self.server = server
        self.host = host
        self.conf = server.dir / f"{host}.toml"
        self.log = server.dir / f"{host}.log"
        self.daemon = Daemon(f"cindervault worker {host}", server.dir / f"{host}.pid", str(self.conf))

    def start(self) -> Worker:
        """Returns when it looks for jobs."""
        self._write_conf()
        before = set(self.names())
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CINDERVAULT_")}
        environment["CINDERVAULT__WORKER__HOST"] = self.host
        with interruptions_deferred(), open(self.log, "ab") as log:
            process = subprocess.Popen([str(binary()), "worker", "--config", str(self.conf)], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True, env=environment)
            self.daemon.record(process.pid)

        def registered() -> bool:
            assert process.poll() is None, f"worker {self.host} ended with {process.returncode}:\n{self.said()[-3000:]}"
            return bool(set(self.names()) - before)

        until(registered, bool, f"worker {self.host} to register")
        return self

    def stop(self) -> None:
        """End it in order; one that stands still is killed."""
        self.daemon.end(signal.SIGTERM, patience=40.0)

    def kill(self) -> None:
        self.daemon.end(signal.SIGKILL)

    def pause(self) -> None:
        """It stands still, in the middle of whatever it does; its connections stay."""
        pid = self._pid()
        os.kill(pid, signal.SIGSTOP)
        state = Path(f"/proc/{pid}/stat")
        until(lambda: state.read_text().rpartition(")")[2].split()[0], lambda seen: seen == "T", "the process to stop")

    def go_on(self) -> None:
        os.kill(self._pid(), signal.SIGCONT)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def names(self) -> list[str]:
        """The names it has had, the latest last: one for each set of connections."""
        return [row["name"] for row in
                self.server.rows(f"SELECT name FROM workers WHERE host = '{self.host}' ORDER BY started_at")]

    def addresses(self) -> set[str]:
        """Of all connections that it has ever had."""
        rows = self.server.rows(f"SELECT connections FROM workers WHERE host = '{self.host}'")
        return {connection["address"] for row in rows for connection in row["connections"]}

    def _pid(self) -> int:
        pid = self.daemon.pid()
        assert pid, f"worker {self.host} does not run:\n{self.said()[-3000:]}"
        return pid

    def _write_conf(self) -> None:
        self.server.write_conf()
        private = lambda name, flags: os.open(name, flags, 0o600)  # noqa: E731 - it holds the database's password
        with open(self.conf, "w", opener=private) as file:
            file.write(self.server.conf.read_text())


def blocklist(cluster) -> set[str]:
    """The addresses of those whom the cluster refuses."""
    code, out, said = cluster.mon_command(json.dumps({"prefix": "osd blocklist ls", "format": "json"}), b"")
    assert code == 0, said
    entries, _ = json.JSONDecoder().raw_decode(out.decode())  # some releases append a second list, of ranges
    return {entry["addr"] for entry in entries}


def refuse(cluster, addresses: set[str]) -> None:
    """Have the cluster refuse these, as an operator would."""
    for address in addresses:
        command = {"prefix": "osd blocklist", "blocklistop": "add", "addr": address}
        code, _, said = cluster.mon_command(json.dumps(command), b"")
        assert code == 0, said


def job_of(server: Server, target: str) -> dict:
    """The newest job about something."""
    return server.rows(f"SELECT state, step, attempt, attempt - handed_back AS takeovers, predecessors FROM jobs "
                       f"WHERE target_id = '{target}' ORDER BY created_at DESC LIMIT 1")[0]


def copying(server: Server, target: str) -> None:
    """Wait until the copy about this has begun. It takes much longer than it takes to see that."""
    def has_begun(job: dict) -> bool:
        assert job["state"] in ("ready", "running"), f"the copy is over before it could be disturbed: {job}"
        return job["step"] in ("copy", "restore")

    until(lambda: job_of(server, target), has_begun, f"the copy about {target} to begin")
