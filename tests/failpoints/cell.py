"""A cell: a database, an API and two workers of its own, of which either takes over what the other leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster import BACKUPS_POOL, VOLUMES_POOL
from conformance.rows import Rows
from conformance.server import Lab, Server
from pools import Pools
from processes import Daemon, one_start_at_a_time, port_is_free
from takeover.disks import KEEPING
from waiting import until

from .guard import WORKER, Refusals, install
from .points import Points
from .session import Session

WORKERS = ("worker-a", "worker-b")
GIB = 1 << 30
LAST_LINES = 25  # of a log, where something went wrong
# Asking more often would take the processor from what is waited for.
EVERY = 0.05


class Cell(Server):
    """May be used from a thread of its own."""

    def __init__(self, lab: Lab, number: int, program: Path, ceph: Any) -> None:
        # Few connections: there are three processes a cell, and many cells.
        super().__init__(lab, f"failpoints_{number}", {
            "database": {"url": lab.database.url("cindervault", f"conformance_failpoints_{number}"), "connections": 2},
            "worker": {"host": "lab", "lease_seconds": 3, "poll_seconds": 1, "heartbeat_seconds": 2, "drain_seconds": 5,
                       # one job after the other: what follows from a backup is asked for by a scenario of its own
                       **KEEPING},
        })
        self.program = program
        self.points = Points(self.dir / "points")
        self.pools = Pools(ceph)
        self.processes: dict[str, subprocess.Popen] = {}
        self.names: dict[int, str] = {}  # of processes, those that have ended included
        self.session = Session(lab.database.url("postgres", self.database))
        with one_start_at_a_time():
            self.port = _free_port(number)
            self.write_conf()
            self.spawn("api")
            until(self._is_up, bool, f"{self.name}: the API", every=EVERY)
        self.refusals = Refusals(lab.database.log, self.database)
        install(self.sql)
        for worker in WORKERS:
            self.spawn(worker)
        self.ready()
        assert self.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}' "
                        f"AND application_name = '{WORKER}'") != "0", "workers go by another name: nothing is refused"
        self.api = self.client()
        Rows(self, self.api.project).quota(volumes=-1, gigabytes=-1, snapshots=-1, backups=-1, backup_gigabytes=-1)

    def spawn(self, name: str) -> None:
        """The API, or one of the workers. Only the workers fail."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CINDERVAULT_")}
        if name in WORKERS:
            environment["CINDERVAULT_FAIL_POINTS"] = str(self.points.dir)
        command = "worker" if name in WORKERS else name
        with open(self.log(name), "ab") as log:
            process = subprocess.Popen([str(self.program), command, "--config", str(self.conf)],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                       env=environment)
        self._daemon(name).record(process.pid)
        self.processes[name] = process
        self.names[process.pid] = name

    def worker_of(self, pid: int) -> str:
        """Also where another process has taken its place."""
        return self.names[pid]

    def restart(self, worker: str) -> None:
        """Ends what may still run, in order, and starts another. All that it was doing has ended with it."""
        process = self.processes[worker]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)
        self.spawn(worker)

    def ready(self) -> None:
        """Waits until both workers are at work. One that could not begin is started again, as a supervisor would."""
        for worker in WORKERS:
            until(lambda worker=worker: self._is_at_work(worker), bool, f"{self.name}: {worker} to begin", every=EVERY)

    def _is_at_work(self, worker: str) -> bool:
        process = self.processes[worker]
        if process.poll() is not None:
            self.spawn(worker)
            return False
        beats = f"SELECT count(*) FROM workers WHERE name LIKE 'lab:{process.pid}:%' AND seen_at > started_at"
        return self.sql(beats) != "0"

    def configure(self, **worker: Any) -> None:
        """Has both workers go on with other settings."""
        self.settings["worker"] |= worker
        self.write_conf()
        for name in WORKERS:
            self.processes[name].send_signal(signal.SIGTERM)
        for name in WORKERS:
            self.restart(name)
        self.ready()

    def sql(self, statement: str) -> str:
        return self.session.ask(statement)

    def evidence(self) -> str:
        """What there is to say about something that went wrong here: the jobs that have not ended, the last that the
        workers said, who watches the images that they speak of, and who is who."""
        jobs = self.sql("SELECT kind, state, worker, attempt, step, error, now() - updated_at, run_at - now() FROM jobs"
                        " WHERE state IN ('ready', 'running')")
        said = [f"{name}:\n{''.join(self.log(name).read_text(errors='replace').splitlines(True)[-LAST_LINES:])}"
                for name in WORKERS]
        watched = [f"{image} is watched by {self._watchers(pool, image)}" for pool in (VOLUMES_POOL, BACKUPS_POOL)
                   for image in self.pools.images(pool) if any(image in lines for lines in said)]
        workers = self.sql("SELECT name, connections FROM workers")
        return "\n".join((f"jobs:\n{jobs}", *said, *watched, f"workers:\n{workers}", *self.refusals.all()))

    def _watchers(self, pool: str, image: str) -> list[str]:
        try:
            with self.pools.open(pool, image) as opened:
                return [one["addr"] for one in opened.watchers_list()]
        except self.pools.rbd.Error as error:
            return [repr(error)]

    def close(self) -> None:
        """Not to be used any more."""
        self.stop()
        self.session.close()

    def stop(self, *commands: str, sig: signal.Signals = signal.SIGTERM) -> None:
        for name in commands or ("api", *WORKERS):
            self._daemon(name).end(sig, patience=40.0)

    def _daemon(self, command: str) -> Daemon:
        return Daemon(f"cindervault {command} ({self.name})", self.dir / f"{command}.pid", str(self.conf))

    def _is_up(self) -> bool:
        assert self.processes["api"].poll() is None, f"{self.name}: the API ended while starting"
        try:
            return self.client().send("GET", "/healthcheck").status == 200
        except OSError:
            return False

    # ---- what is asked of it

    def settled(self, kind: str, identifier: str) -> str | None:
        """The status, once nothing is under way any more; `None` when it is gone. An image that is in use is tried to remove for a
        minute, before it goes to the trash."""
        return until(lambda: self.api.status(kind, identifier), lambda status: status is None or not under_way(status),
                     f"{kind} {identifier} to come to rest", patience=150.0, every=EVERY)

    def is_idle(self) -> bool:
        """No job waits or runs."""
        return self.sql("SELECT count(*) FROM jobs WHERE state IN ('ready', 'running')") == "0"

    def idle(self) -> None:
        """Waits until no job waits or runs."""
        until(self.is_idle, bool, f"{self.name}: the last job to end", patience=150.0, every=EVERY)

    def make(self, kind: str, path: str, **fields: Any) -> str:
        """Asks for one; returns before it is there."""
        return self.api.at("3.64").post(path, {kind: fields}).expect(202)[kind]["id"]

    def made(self, kind: str, path: str, **fields: Any) -> str:
        """Makes one that is there in the end."""
        identifier = self.make(kind, path, **fields)
        status = self.settled(kind, identifier)
        assert status == "available", (kind, identifier, status, self.api.get(f"{path}/{identifier}").body)
        return identifier

    def backup(self, volume: str, **fields: Any) -> str:
        return self.made("backup", "/backups", volume_id=volume, **fields)

    def remove(self, kind: str, identifier: str) -> None:
        """Deletes one, whatever became of it."""
        self.api.delete(f"/{kind}s/{identifier}").expect(202)
        status = self.settled(kind, identifier)
        assert status is None, (kind, identifier, status, self.api.get(f"/{kind}s/{identifier}").body)

    @contextlib.contextmanager
    def held(self, backup: str) -> Iterator[None]:
        """Inside, nobody takes a job about this backup: another job, which has ended, seems to hold its key."""
        self.sql(f"INSERT INTO job_locks (key, job_id) SELECT 'backup:{backup}', id FROM jobs LIMIT 1")
        yield
        self.sql(f"DELETE FROM job_locks WHERE key = 'backup:{backup}'")

    def reset(self, kind: str, identifier: str, status: str) -> None:
        self.api.action(kind, identifier, "os-reset_status", {"status": status}).expect(202)


def under_way(status: str) -> bool:
    """Whether a job is going to change it."""
    return status in ("creating", "deleting", "restoring", "backing-up", "restoring-backup", "extending")


def _free_port(number: int) -> int:
    # Far from what other suites and labs choose by themselves.
    return next(port for port in range(20776 + 10 * number, 65536) if port_is_free(port))
