#!/usr/bin/python3
"""Cindervault against the pipe `rbd export-diff … - | rbd import-diff - …`, on the same cluster and the same data.

Every row is measured for both, one after the other, in every round; who goes first changes with the round.
Cindervault's time runs from the POST to the status `available`, so the making of images and snapshots is in it. When
that status came is read from the record's own `updated_at`: whoever asks all the time takes from the two what little
processor there is.
The pipe's time is that of the two processes alone; "with" adds what making its snapshot and image took, through
librbd and without the start of another command. The CPU seconds and the peak memory are those of the `cindervault serve`
process and of the two `rbd` processes. What the two restores to new images have made must be equal, and what
the restore in place has repaired must be what was backed up; the times are only told, never judged.

    BENCH_ROUNDS   3
    BENCH_SCALE    1; 16 makes every volume and every change a sixteenth of its size, to try the bench itself
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lab"), str(Path(__file__).resolve().parents[1])]

import rados
from cluster import BACKUPS_POOL, VOLUMES_POOL, Cluster
from conformance.server import Lab, Server
from ours import Cost, Ours
from pools import Pools

MIB = 1 << 20
GIB = 1 << 30
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SCALE = int(os.environ.get("BENCH_SCALE", "1"))
TRIM_ABOVE = 24 * GIB  # of disk under the OSD: its file only grows by itself


@dataclass
class Row:
    title: str
    moved: int  # bytes that must be moved
    ours: list[Cost]
    pipe: list[Cost]


class Bench:
    def __init__(self) -> None:
        self.lab_cluster = Cluster(Path(os.environ["LAB_DIR"]) / "ceph")
        self.service = Ours(os.environ["CINDERVAULT_URL"], os.environ["CINDERVAULT_PROJECT"],
                            int(os.environ["CINDERVAULT_PID"]))
        self.rng = random.Random(20261122)
        self.cluster = rados.Rados(conffile=os.environ["CEPH_CONF"], name="client.admin")
        self.cluster.connect(timeout=30)
        self.pools = Pools(self.cluster)
        self.rows: dict[str, Row] = {}
        self.memory: list[tuple[str, int]] = []
        self.checksums: list[tuple[Cost, Cost]] = []  # a full backup with them, and without
        self.cancels: list[float] = []  # seconds

    def run(self) -> None:
        with unchecked() as self.unchecked:
            self.campaign()
        self.tell()

    def campaign(self) -> None:
        full = self.make_volume("full", 2 * GIB)
        sparse = self.make_volume("sparse", 10 * GIB)
        say("filling a 2 GiB volume with random data")
        self.write(full, ((offset, 4 * MIB) for offset in range(0, 2 * GIB // SCALE, 4 * MIB)))
        say("writing 1 GiB into a 10 GiB volume, 1 MiB here and there")
        self.write(sparse, self.scattered(10 * GIB // SCALE, 1024 // SCALE, MIB))
        for number in range(1, ROUNDS + 1):
            say(f"round {number} of {ROUNDS}")
            self.round(full, sparse, ours_first=number % 2 == 1)
            self.give_disk_back()
        self.measure_checksums(full)
        self.sparse_memory()

    def measure_checksums(self, checked: str) -> None:
        """The same backup by a service that records no checksums, side by side; and what a cancel takes."""
        say("filling another 2 GiB volume, of a service without checksums")
        other = self.unchecked.make_volume("full", gibibytes(2 * GIB))
        self.write(other, ((offset, 4 * MIB) for offset in range(0, 2 * GIB // SCALE, 4 * MIB)))
        for number in range(1, ROUNDS + 1):
            costs = {}
            for service, volume in ((self.service, checked), (self.unchecked, other))[::1 if number % 2 else -1]:
                made = Made()
                costs[service] = service.measured(lambda made=made, service=service, volume=volume:
                                                  made.backup(service.backup(volume)))
                made.forget_backups(service)
            self.checksums.append((costs[self.service], costs[self.unchecked]))
            self.cancels.append(self.service.cancelled(checked))
            say(f"  with checksums {costs[self.service].seconds:.2f} s, without {costs[self.unchecked].seconds:.2f} s; "
                f"cancelled within {self.cancels[-1]:.2f} s")
            self.give_disk_back()

    def round(self, full: str, sparse: str, ours_first: bool) -> None:
        made = Made()

        def both(title: str, moved: int, ours: Callable[[], None], pipe: Callable[[], Cost]) -> None:
            row = self.rows.setdefault(title, Row(title, moved, [], []))
            measured = {}
            for who in ("ours", "pipe") if ours_first else ("pipe", "ours"):
                measured[who] = self.service.measured(ours) if who == "ours" else pipe()
            row.ours.append(measured["ours"])
            row.pipe.append(measured["pipe"])
            say(f"  {title}: ours {measured['ours'].seconds:.2f} s, the pipe {measured['pipe'].seconds:.2f} s")

        both("full backup, 2 GiB random", 2 * GIB // SCALE,
             lambda: made.backup(self.service.backup(full)), lambda: self.pipe_full(full, "one"))
        self.memory.append(("2 GiB volume, all of it written", self.rows["full backup, 2 GiB random"].ours[-1].peak))
        made.forget_backups(self.service)
        self.drop_pipe(full, "one")

        both("full backup, 10 GiB with 1 GiB written", GIB // SCALE,
             lambda: made.backup(self.service.backup(sparse)), lambda: self.pipe_full(sparse, "one"))
        both("incremental backup, nothing changed", 0,
             lambda: made.backup(self.service.backup(sparse, incremental=True)), lambda: self.pipe_more(sparse, "one", "two"))
        self.write(sparse, self.scattered(10 * GIB // SCALE, 1024 // SCALE, 64 << 10))
        both("incremental backup, 64 MiB of scattered writes", 64 * MIB // SCALE,
             lambda: made.backup(self.service.backup(sparse, incremental=True)), lambda: self.pipe_more(sparse, "two", "three"))
        held = self.pools.allocation(BACKUPS_POOL, pipe_image(sparse)).bytes
        both("restore to a new volume, 10 GiB with 1 GiB of data", held,
             lambda: made.volume(self.service.restore(made.backups[-1])), lambda: self.pipe_restore(sparse, "three", "new"))
        self.must_be_equal(f"volume-{made.volumes[-1]}", "pipe-new")
        self.write(sparse, self.scattered(10 * GIB // SCALE, 256 // SCALE, 64 << 10))
        both("restore onto the volume, 16 MiB changed since (the pipe: to a new image)", 16 * MIB // SCALE,
             lambda: self.service.restore(made.backups[-1], onto=sparse), lambda: self.pipe_restore(sparse, "three", "again"))
        self.must_be_equal(f"volume-{sparse}", "pipe-again")

        made.forget_backups(self.service)
        made.forget_volumes(self.service)
        self.drop_pipe(sparse, "one", "two", "three")
        for name in ("new", "again"):
            self.pools.rbd.RBD().remove(self.pools.io[VOLUMES_POOL], f"pipe-{name}")

    def sparse_memory(self) -> None:
        volume = self.make_volume("huge", 40 * GIB)
        say("writing 1 GiB into a 40 GiB volume, 1 MiB here and there")
        self.write(volume, self.scattered(40 * GIB // SCALE, 1024 // SCALE, MIB))
        made = Made()
        cost = self.service.measured(lambda: made.backup(self.service.backup(volume)))
        say(f"  full backup of it: {cost.seconds:.2f} s")
        self.memory.append(("40 GiB volume, 1 GiB of it written", cost.peak))
        made.forget_backups(self.service)

    def make_volume(self, name: str, size: int) -> str:
        return self.service.make_volume(name, gibibytes(size))

    # ---- the pipe

    def pipe_full(self, volume: str, point: str) -> Cost:
        began = time.monotonic()
        self.snapshot(volume, point)
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}") as source:
            self.make_image(BACKUPS_POOL, pipe_image(volume), source.size())
        before = time.monotonic() - began
        return pipe([f"{VOLUMES_POOL}/volume-{volume}@pipe-{point}"], f"{BACKUPS_POOL}/{pipe_image(volume)}", before)

    def pipe_more(self, volume: str, since: str, point: str) -> Cost:
        began = time.monotonic()
        self.snapshot(volume, point)
        before = time.monotonic() - began
        return pipe(["--from-snap", f"pipe-{since}", f"{VOLUMES_POOL}/volume-{volume}@pipe-{point}"],
                    f"{BACKUPS_POOL}/{pipe_image(volume)}", before)

    def pipe_restore(self, volume: str, point: str, name: str) -> Cost:
        began = time.monotonic()
        with self.pools.open(BACKUPS_POOL, pipe_image(volume)) as source:
            self.make_image(VOLUMES_POOL, f"pipe-{name}", source.size())
        before = time.monotonic() - began
        cost = pipe([f"{BACKUPS_POOL}/{pipe_image(volume)}@pipe-{point}"], f"{VOLUMES_POOL}/pipe-{name}", before)
        with self.pools.open(VOLUMES_POOL, f"pipe-{name}", writable=True) as image:
            image.remove_snap(f"pipe-{point}")
        return cost

    def make_image(self, pool: str, name: str, size: int) -> None:
        self.pools.rbd.RBD().create(self.pools.io[pool], name, size)

    def snapshot(self, volume: str, point: str) -> None:
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image:
            image.create_snap(f"pipe-{point}")

    def drop_pipe(self, volume: str, *points: str) -> None:
        for pool, image in ((VOLUMES_POOL, f"volume-{volume}"), (BACKUPS_POOL, pipe_image(volume))):
            with self.pools.open(pool, image, writable=True) as opened:
                for point in points:
                    opened.remove_snap(f"pipe-{point}")
        self.pools.rbd.RBD().remove(self.pools.io[BACKUPS_POOL], pipe_image(volume))

    # ---- data

    def scattered(self, size: int, count: int, length: int) -> Iterable[tuple[int, int]]:
        return [(place * length, length) for place in self.rng.sample(range(size // length), count)]

    def write(self, volume: str, places: Iterable[tuple[int, int]]) -> None:
        places = iter(places)
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image, ThreadPoolExecutor(8) as writers:
            while batch := list(itertools.islice(places, 32)):
                for done in [writers.submit(image.write, self.rng.randbytes(length), offset) for offset, length in batch]:
                    done.result()

    def must_be_equal(self, one: str, other: str) -> None:
        """Compares all that either image has allocated; the rest is zero in both."""
        with self.pools.open(VOLUMES_POOL, one) as left, self.pools.open(VOLUMES_POOL, other) as right:
            if left.size() != right.size():
                raise SystemExit(f"bench: {one} has {left.size()} bytes, {other} {right.size()}")
            objects: set[int] = set()
            for image in (left, right):
                image.diff_iterate(0, image.size(), None, lambda offset, length, exists: objects.update(
                    range(offset // (4 * MIB), (offset + length - 1) // (4 * MIB) + 1)) if exists else None)
            for number in sorted(objects):
                if left.read(number * 4 * MIB, 4 * MIB) != right.read(number * 4 * MIB, 4 * MIB):
                    raise SystemExit(f"bench: {one} and {other} differ within 4 MiB from byte {number * 4 * MIB} on")

    def give_disk_back(self) -> None:
        if self.lab_cluster.disk_bytes() > TRIM_ABOVE:
            say(f"  gave {self.lab_cluster.trim() / GIB:.1f} GiB back to the disk")

    # ---- telling

    def tell(self) -> None:
        print(f"\nMedians of {ROUNDS} rounds (lowest–highest); ratio = ours / pipe, below 1 we are faster")
        if SCALE != 1:
            print(f"BENCH_SCALE={SCALE}: every size below is divided by {SCALE}; such times say nothing")
        form = "{:<76} {:>18} {:>18} {:>11} {:>12} {:>10} {:>11}"
        print(form.format("", "", "", "ratio/with", "MB/s", "CPU s", "peak MiB"))
        print(form.format("", "ours s", "pipe s", "snap, image", "ours/pipe", "ours/pipe", "ours/pipe"))
        for row in self.rows.values():
            ours, pipe_, before = median(row.ours, "seconds"), median(row.pipe, "seconds"), median(row.pipe, "before")
            rates = f"{row.moved / 1e6 / ours:.0f}/{row.moved / 1e6 / pipe_:.0f}" if row.moved else "-"
            print(form.format(row.title, spread(row.ours), spread(row.pipe),
                              f"{ours / pipe_:.2f}/{ours / (pipe_ + before):.2f}", rates,
                              f"{median(row.ours, 'cpu'):.2f}/{median(row.pipe, 'cpu'):.2f}",
                              f"{median(row.ours, 'peak') / MIB:.0f}/{median(row.pipe, 'peak') / MIB:.0f}"))
        recorded, left_out = ([costs[index] for costs in self.checksums] for index in (0, 1))
        print("\nFull backup of 2 GiB of random data, with checksums and without")
        print(f"  seconds {spread(recorded)}, {spread(left_out)}: "
              f"{median(recorded, 'seconds') / median(left_out, 'seconds'):.2f} times; "
              f"CPU seconds {median(recorded, 'cpu'):.2f}, {median(left_out, 'cpu'):.2f}")
        print(f"A full backup that is cancelled has stopped and is cleaned up after {statistics.median(self.cancels):.2f} s, "
              f"{max(self.cancels):.2f} at most")
        print("\nPeak resident memory of cindervault during a full backup")
        for title in dict.fromkeys(title for title, _ in self.memory):
            peaks = [peak for named, peak in self.memory if named == title]
            print(f"  {title:<40} {max(peaks) / MIB:6.0f} MiB")


class Made:
    """What one round has made through the API, to be deleted again."""

    def __init__(self) -> None:
        self.backups: list[str] = []
        self.volumes: list[str] = []

    def backup(self, identifier: str) -> None:
        self.backups.append(identifier)

    def volume(self, identifier: str) -> None:
        self.volumes.append(identifier)

    def forget_backups(self, service: Ours) -> None:
        while self.backups:  # the newest first: parents cannot go before their incrementals
            service.forget("backup", self.backups.pop())

    def forget_volumes(self, service: Ours) -> None:
        while self.volumes:
            service.forget("volume", self.volumes.pop())


@contextlib.contextmanager
def unchecked() -> Iterator[Ours]:
    """A second service on the same pools, with a database of its own, that records no checksums."""
    server = Server(Lab(Path(os.environ["LAB_DIR"])), "unchecked", {"worker": {"checksums": False}})
    try:
        server.start("serve")
        pid = server.pid("serve")
        yield Ours(server.base, os.environ["CINDERVAULT_PROJECT"], pid)
    finally:
        server.stop()


def gibibytes(size: int) -> int:
    """A volume's size for so many bytes at this scale, rounded up."""
    return -(-size // SCALE // GIB)


def pipe(export: list[str], to: str, before: float) -> Cost:
    """`rbd export-diff EXPORT - | rbd import-diff - TO`"""
    began = time.monotonic()
    source = subprocess.Popen(["rbd", "export-diff", "--no-progress", *export, "-"], stdout=subprocess.PIPE)
    sink = subprocess.Popen(["rbd", "import-diff", "--no-progress", "-", to], stdin=source.stdout)
    source.stdout.close()  # the sink's alone, so that its end is noticed
    costs = []
    for process in (sink, source):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"bench: {' '.join(process.args)} ended with {process.returncode}")
        costs.append(usage)
    return Cost(time.monotonic() - began, sum(usage.ru_utime + usage.ru_stime for usage in costs),
                sum(usage.ru_maxrss for usage in costs) * 1024, before)


def pipe_image(volume: str) -> str:
    return f"pipe-of-{volume}"


def median(costs: list[Cost], what: str) -> float:
    return statistics.median(getattr(cost, what) for cost in costs)


def spread(costs: list[Cost]) -> str:
    seconds = [cost.seconds for cost in costs]
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f})"


def say(text: str) -> None:
    print(text, flush=True)


def interrupted(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    try:
        Bench().run()
    except KeyboardInterrupt:
        sys.exit(130)
