"""What is done to a town: each fault begins, lasts a while, and is over."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from space import fill_up, is_full, make_room, mon
from waiting import until

from .town import APIS, WORKERS, Town

# Longer than a lease, so that others take over what the stopped one held.
LONGER_THAN_A_LEASE = (7.0, 14.0)


class Faults:
    """Two at a time, chosen by chance, until it is told to stop."""

    def __init__(self, town: Town, ceph: Any, seed: int, tell: Callable[[str], None]) -> None:
        self.town = town
        self.ceph = ceph
        self.rng = random.Random(f"{seed}/faults")
        self.tell = tell
        self.done: Counter[str] = Counter()
        self.busy: set[str] = set()
        self.lock = threading.Lock()
        self.full: list[tuple[float, float]] = []  # when Ceph was full
        self.stop = threading.Event()
        self.errors: list[str] = []
        self.threads = [threading.Thread(target=self._run, args=(random.Random(f"{seed}/{number}"),))
                        for number in range(2)]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def was_full(self, began: float, ended: float) -> bool:
        """Whether Ceph was full at any time in between; a while longer counts, until the OSD knows."""
        now = time.monotonic()
        with self.lock:
            return any(start <= ended and began <= (end or now) + 15 for start, end in self.full)

    def _run(self, rng: random.Random) -> None:
        kinds = {self._kill: 6, self._pause: 4, self._drain: 3, self._cut: 3, self._postgres: 1, self._osd_stops: 2,
                 self._osd_dies: 1, self._full: 1, self._sockets: 1, self._latency: 1}
        while not self.stop.wait(rng.uniform(0.5, 6.0)):
            fault = rng.choices(list(kinds), list(kinds.values()))[0]
            try:
                fault(rng)
            except Exception as error:  # a fault that can not be made is a mistake of this test
                with self.lock:
                    self.errors.append(f"{fault.__name__}: {error!r}")

    @contextmanager
    def _alone(self, *names: str) -> Iterator[bool]:
        """Whether nobody else does something to these; they are kept until the end."""
        with self.lock:
            mine = not self.busy & set(names)
            if mine:
                self.busy |= set(names)
        try:
            yield mine
        finally:
            if mine:
                with self.lock:
                    self.busy -= set(names)

    def _count(self, what: str) -> None:
        with self.lock:
            self.done[what] += 1
        self.tell(what)

    def _rest(self, rng: random.Random, least: float, most: float) -> None:
        self.stop.wait(rng.uniform(least, most))

    # ---- processes

    def _kill(self, rng: random.Random) -> None:
        name = rng.choice((*WORKERS, *WORKERS, *APIS))
        with self._alone(name) as mine:
            if mine:
                self.town.send(name, signal.SIGKILL)
                self._count("a worker is killed" if name in WORKERS else "an API is killed")
                self._rest(rng, 0.1, 4.0)
                self.town.restart(name)

    def _pause(self, rng: random.Random) -> None:
        name = rng.choice((*WORKERS, *WORKERS, *APIS))
        with self._alone(name) as mine:
            if mine:
                self.town.send(name, signal.SIGSTOP)
                self._count("a worker is stopped and let go on" if name in WORKERS else "an API is stopped and let go on")
                self._rest(rng, *(LONGER_THAN_A_LEASE if rng.random() < 0.6 else (0.5, 5.0)))
                self.town.send(name, signal.SIGCONT)
                self._rest(rng, 1.0, 2.0)

    def _drain(self, rng: random.Random) -> None:
        name = rng.choice((*WORKERS, *APIS))
        with self._alone(name) as mine:
            if mine:
                self.town.send(name, signal.SIGTERM)
                self._count("a worker is restarted in order" if name in WORKERS else "an API is restarted in order")
                self.town.restart(name)

    # ---- Postgres

    def _cut(self, _: random.Random) -> None:
        with self._alone("postgres") as mine:
            if mine:
                self.town.lab.sql("postgres", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                              f"WHERE datname = '{self.town.database}'")
                self._count("all connections of Postgres are cut")

    def _postgres(self, rng: random.Random) -> None:
        with self._alone("postgres") as mine:
            if mine:
                database = self.town.lab.database
                immediate = rng.random() < 0.5
                database.server.end(signal.SIGQUIT if immediate else signal.SIGINT)
                self._count("Postgres is restarted" + (" after a crash" if immediate else ""))
                self._rest(rng, 0.1, 6.0)
                database.start()

    # ---- Ceph

    def _osd_stops(self, rng: random.Random) -> None:
        with self._alone("osd") as mine:
            if mine:
                pid = self.town.lab.cluster.osd.pid()
                assert pid, "the OSD does not run"
                os.kill(pid, signal.SIGSTOP)
                self._count("the OSD stands still")
                self._rest(rng, 1.0, 10.0)
                os.kill(pid, signal.SIGCONT)

    def _osd_dies(self, rng: random.Random) -> None:
        with self._alone("osd") as mine:
            if mine:
                self.town.lab.cluster.osd.end(signal.SIGKILL)
                self._count("the OSD dies and is started again")
                self._rest(rng, 0.5, 5.0)
                self.town.lab.cluster.start()

    def _full(self, rng: random.Random) -> None:
        with self._alone("full", "osd") as mine:
            if mine:
                began = time.monotonic()
                with self.lock:
                    self.full.append((began, 0.0))
                fill_up(self.ceph)
                until(lambda: is_full(self.ceph), bool, "Ceph to be full", every=0.2)
                self._count("Ceph is full")
                self._rest(rng, 4.0, 12.0)
                make_room(self.ceph)
                with self.lock:
                    self.full[-1] = (began, time.monotonic())

    def _sockets(self, rng: random.Random) -> None:
        with self._alone("sockets") as mine:
            if mine:
                self._configure("ms_inject_socket_failures", "300")
                self._count("Ceph's connections break")
                self._rest(rng, 3.0, 8.0)
                self._configure("ms_inject_socket_failures", "0")

    def _latency(self, rng: random.Random) -> None:
        with self._alone("latency") as mine:
            if mine:
                self._configure("osd_debug_inject_dispatch_delay_duration", "0.05")
                self._configure("osd_debug_inject_dispatch_delay_probability", "0.1")
                self._count("the OSD is slow")
                self._rest(rng, 3.0, 8.0)
                self._configure("osd_debug_inject_dispatch_delay_probability", "0")

    def _configure(self, name: str, value: str) -> None:
        mon(self.ceph, prefix="config set", who="osd", name=name, value=value)

    def heal(self) -> None:
        """Everything runs, and nothing is in the way."""
        make_room(self.ceph)
        self._configure("ms_inject_socket_failures", "0")
        self._configure("osd_debug_inject_dispatch_delay_probability", "0")
        self.town.lab.database.start()
        self.town.lab.cluster.start()
        for name in (*APIS, *WORKERS):
            self.town.send(name, signal.SIGCONT)
            with suppress(TimeoutError):
                if self.town.ended(name):
                    self.town.restart(name)
