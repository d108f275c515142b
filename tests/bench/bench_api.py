#!/usr/bin/python3
"""What a request costs with a thousand backups in the catalogue, and with a million in a thousand projects.

The same requests are sent to two servers, for a project that has a thousand backups in both catalogues: what the
second costs more is what the other projects' records cost. `wrk` sends them over loopback, from one and from eight
connections; it needs a small part of a core, of which both servers and Postgres have the rest. The numbers are only
told, never judged; an answer that is none, or that has not the records it should have, ends the bench.

    BENCH_BACKUPS    1000000
    BENCH_PROJECTS   1000
    BENCH_SECONDS    3, for each row and catalogue
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "lab")]

from catalogue import SPARE, fill, tidy
from conformance.server import Lab, Server
from conformance.wire import exchange

BACKUPS = int(os.environ.get("BENCH_BACKUPS", "1000000"))
PROJECTS = int(os.environ.get("BENCH_PROJECTS", "1000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
EACH = BACKUPS // PROJECTS  # backups of a project
VERSION = "volume 3.64"  # what the SDK speaks


@dataclass
class Catalogue:
    """A server with so many projects, and the ids of one project's records, newest first."""

    server: Server
    projects: int
    project: str = ""
    creator: str = ""
    backups: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    spare: list[str] = field(default_factory=list)
    middle: str = ""  # of all backups, where half and where twenty come after it
    last: str = ""

    @classmethod
    def filled(cls, lab: Lab, name: str, projects: int) -> Catalogue:
        server = Server(lab, name, {"database": {"connections": 16}})
        server.start("api")
        server.pretend_worker()
        say(f"filling a catalogue with {projects * EACH} backups in {projects} project(s)")
        fill(server.sql, projects * EACH, projects)
        catalogue = cls(server, projects, *server.sql("SELECT md5('project0'), md5('creator')").split("|"))
        ids = lambda query: server.sql(query).splitlines()  # noqa: E731
        newest = "ORDER BY created_at DESC, id DESC"
        catalogue.backups = ids(f"SELECT id FROM backups WHERE project_id = '{catalogue.project}' {newest}")
        catalogue.volumes = ids(f"SELECT id FROM volumes WHERE project_id = '{catalogue.project}' {newest}")
        catalogue.spare = ids(f"SELECT id FROM volumes WHERE project_id = '{catalogue.creator}' {newest}")
        catalogue.middle, = ids(f"SELECT id FROM backups {newest} OFFSET {projects * EACH // 2} LIMIT 1")
        catalogue.last, = ids(f"SELECT id FROM backups {newest} OFFSET {projects * EACH - 21} LIMIT 1")
        return catalogue


@dataclass(frozen=True)
class Row:
    """A kind of request: its paths below the project, and how many records an answer has."""

    title: str
    paths: Callable[[Catalogue], list[str]]
    records: int | None = None


@dataclass(frozen=True)
class Cost:
    rate: float  # requests a second
    p50: float  # milliseconds
    p95: float
    p99: float


def page(title: str, query: str, records: int, collection: str = "backups") -> Row:
    """A list whose path is the same every time; the query may name ids of the catalogue."""
    def paths(catalogue: Catalogue) -> list[str]:
        return [f"/{collection}{query}".format(c=catalogue)]
    return Row(title, paths, records)


ROWS = [
    page("list, 20", "?limit=20", 20),
    page("list, 1000", "?limit=1000", EACH),
    page("detail, 20", "/detail?limit=20", 20),
    page("detail, 1000", "/detail?limit=1000", EACH),
    page("detail, 20, after the middle one", f"/detail?limit=20&marker={{c.backups[{EACH // 2}]}}", 20),
    page("detail, 20, the last page", f"/detail?limit=20&marker={{c.backups[{EACH - 21}]}}", 20),
    page("detail, 20, with_count", "/detail?limit=20&with_count=true", 20),
    page("detail, by status error", "/detail?limit=20&status=error", EACH // 50),
    page("detail, by name", "/detail?limit=20&name=backup-42", EACH // 100),
    page("detail, by volume_id", "/detail?limit=20&volume_id={c.volumes[50]}", 10),
    page("volumes, by metadata", "/detail?limit=20&metadata=%7B%27tier%27%3A%273%27%7D", EACH // 50, "volumes"),
    page("detail, 20, sorted by name", "/detail?limit=20&sort=name:asc", 20),
    page("detail, 20, sorted by size", "/detail?limit=20&sort=size:asc", 20),
    page("all projects, 20", "/detail?all_tenants=1&limit=20", 20),
    page("all projects, 20, after the middle one", "/detail?all_tenants=1&limit=20&marker={c.middle}", 20),
    page("all projects, 20, the last page", "/detail?all_tenants=1&limit=20&marker={c.last}", 20),
    page("all projects, 1000", "/detail?all_tenants=1&limit=1000", EACH),
    Row("show", lambda catalogue: [f"/backups/{backup}" for backup in catalogue.backups]),
]
WITHOUT_KEEP_ALIVE = ("list, 20", "list, 1000", "show")

HEAD = (f"{'':46} {'':>4}   {'1 project':^32}   {f'{PROJECTS} projects':^32}\n"
        f"{'request':46} {'from':>4}   {'req/s':>8} {'p50':>7} {'p95':>7} {'p99':>7}   "
        f"{'req/s':>8} {'p50':>7} {'p95':>7} {'p99':>7}   {'p50 x':>6}")


class Bench:
    def __init__(self, lab: Lab) -> None:
        self.requests = lab.dir / "requests"
        self.small = Catalogue.filled(lab, "bench_small", 1)
        self.large = Catalogue.filled(lab, "bench_large", PROJECTS)

    def run(self) -> None:
        say(f"\nmilliseconds; `p50 x` is the median with {PROJECTS} projects over that with one\n\n{HEAD}")
        for row in ROWS:
            for connections in (1, 8):
                self.tell(row.title, connections, lambda catalogue: self.read(catalogue, row, connections))
        for connections in (1, 8):
            self.tell("create", connections, lambda catalogue: self.create(catalogue, connections))
        for row in ROWS:
            if row.title in WITHOUT_KEEP_ALIVE:
                for connections in (1, 8):
                    self.tell(f"{row.title}, a connection for each", connections,
                              lambda catalogue: self.read(catalogue, row, connections, ["connection", "close"]))

    def tell(self, title: str, connections: int, measure: Callable[[Catalogue], Cost]) -> None:
        small, large = measure(self.small), measure(self.large)
        cells = "   ".join(f"{cost.rate:>8.0f} {cost.p50:>7.2f} {cost.p95:>7.2f} {cost.p99:>7.2f}"
                           for cost in (small, large))
        say(f"{title:46} {connections:>4}   {cells}   {large.p50 / small.p50:>6.2f}")

    def read(self, catalogue: Catalogue, row: Row, connections: int, headers: list[str] | None = None) -> Cost:
        paths = [f"/v3/{catalogue.project}{path}" for path in row.paths(catalogue)]
        for path in paths[:20]:  # once for what must be right, and to have been asked before
            answer = exchange(catalogue.server.base, "GET", path, None, self.headers(catalogue.project))
            found = next((len(value) for key, value in json.loads(answer.body).items() if isinstance(value, list)
                          and not key.endswith("_links")), None)
            if answer.status != 200 or found != row.records:
                raise SystemExit(f"bench: {path}: {answer.status} with {found} records")
        return self.send(catalogue, "GET", paths, connections, catalogue.project, headers or [])

    def create(self, catalogue: Catalogue, connections: int) -> Cost:
        path = f"/v3/{catalogue.creator}/backups"
        bodies = (json.dumps({"backup": {"volume_id": volume, "name": "made"}}) for volume in catalogue.spare)
        cost = self.send(catalogue, "POST", [f"{path}\t{body}" for body in bodies], connections, catalogue.creator,
                         ["content-type", "application/json"])
        if cost.rate * SECONDS > SPARE:
            raise SystemExit("bench: there were not enough volumes to make backups of")
        tidy(catalogue.server.sql)
        return cost

    def send(self, catalogue: Catalogue, method: str, requests: list[str], connections: int, project: str,
             more: list[str]) -> Cost:
        self.requests.write_text("".join(f"{request}\n" for request in requests))
        headers = [word for pair in self.headers(project).items() for word in pair]
        done = subprocess.run(["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{SECONDS}s",
                               "--timeout", "30s", "--script", str(HERE / "requests.lua"), catalogue.server.base, "--",
                               method, str(self.requests), *headers, *more],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        result = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
        if result is None:
            raise SystemExit(f"bench: wrk ended with {done.returncode}\n{done.stdout}{done.stderr}")
        count, duration, p50, p95, p99, refused, lost = (int(word) for word in result.split()[1:])
        if refused or lost or not count:
            raise SystemExit(f"bench: {method} {requests[0]}: of {count} requests {refused} were refused and {lost} lost")
        return Cost(count / (duration / 1e6), p50 / 1e3, p95 / 1e3, p99 / 1e3)

    @staticmethod
    def headers(project: str) -> dict[str, str]:
        return {"x-auth-token": f"alice:{project}", "accept": "application/json", "openstack-api-version": VERSION}

    def stop(self) -> None:
        for catalogue in (self.small, self.large):
            catalogue.server.stop()


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bench = None
    try:
        bench = Bench(Lab(Path(os.environ["LAB_DIR"]).absolute()))
        bench.run()
    except KeyboardInterrupt:
        return 130
    finally:
        if bench:
            bench.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
