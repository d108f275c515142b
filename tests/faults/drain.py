"""Two APIs and two workers are restarted one after the other under load: no request and no job fails."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from conformance.server import Server
from conformance.tenant import Tenant
from takeover.disks import KEEPING, expected, fill, seen, stray_data
from takeover.workers import Worker, job_of

from .apis import Api

VOLUMES = 3
CLIENTS = 4


@pytest.fixture(scope="session")
def server(start) -> Server:
    """Its workers have little time to end what they do: they hand it over."""
    return start("faults_drain", worker=KEEPING | {"lease_seconds": 30, "heartbeat_seconds": 1, "drain_seconds": 1})


class Client(threading.Thread):
    """Asks for one thing after the other, over a connection that it keeps, at either API. One that refuses the
    connection has not been asked anything: the other one is."""

    def __init__(self, ports: list[int], project: str, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.ports = itertools.cycle(ports)
        self.project = project
        self.over = over
        self.asked = 0
        self.refused = 0
        self.made: list[str] = []
        self.failed: list[str] = []
        self.connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        while not self.over.is_set():
            try:
                # every tenth makes something, which must be there afterwards
                self._make() if self.asked % 10 == 9 else self._ask("GET", "/backups/detail", None)
            except Exception as error:  # noqa: BLE001 - whatever it is, it reached a client
                self.failed.append(repr(error))
                self.connection = None

    def _make(self) -> None:
        body = {"volume_type": {"name": f"{threading.get_ident()}-{self.asked}"}}
        self.made.append(self._ask("POST", "/types", body)["volume_type"]["id"])

    def _ask(self, method: str, path: str, body: dict | None) -> dict:
        headers = {"Content-Type": "application/json", "X-Auth-Token": f"admin:{self.project}"}
        connection = self._connected()
        connection.request(method, f"/v3/{self.project}{path}", json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.asked += 1
        if answer.will_close:
            self.connection = None
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:200]!r}")
        return json.loads(content)

    def _connected(self) -> http.client.HTTPConnection:
        while self.connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", next(self.ports), timeout=30)
            try:
                connection.connect()
            except ConnectionRefusedError:
                self.refused += 1
            else:
                self.connection = connection
        return self.connection


@contextmanager
def load(apis: list[Api], project: str) -> Iterator[list[Client]]:
    over = threading.Event()
    clients = [Client([api.port for api in apis], project, over) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        over.set()
        for client in clients:
            client.join(60)


def types(tenant: Tenant) -> set[str]:
    """All of them, page by page."""
    found: list[str] = []
    while page := tenant.api.get(f"/types?limit=1000{f'&marker={found[-1]}' if found else ''}").expect(200)["volume_types"]:
        found += [kind["id"] for kind in page]
    return set(found)


def test_a_rolling_restart(server, pools):
    with ExitStack() as ends:
        apis = [Api(server, f"api-{number}") for number in (1, 2)]
        workers = [Worker(server, f"worker-{number}") for number in (1, 2)]
        for process in (*apis, *workers):
            ends.callback(process.stop)
            process.start()
        server.port = apis[0].port
        tenant = Tenant(server, server.client())
        volumes = [tenant.volume() for _ in range(VOLUMES)]
        contents = {volume: fill(pools, volume) for volume in volumes}
        with load(apis, tenant.project) as clients:
            backups = {volume: tenant.begin(volume) for volume in volumes}
            for process in (workers[0], apis[0], workers[1], apis[1]):
                process.stop()
                process.start()
            for backup in backups.values():
                shown = tenant.await_status("backup", backup, "available")
                assert shown["fail_reason"] is None
        assert [failure for client in clients for failure in client.failed] == []
        assert all(client.asked > 20 and client.made for client in clients)
        made = [made for client in clients for made in client.made]
        assert len(set(made)) == len(made)
        assert set(made) - types(tenant) == set(), "an answer was lost"
        for volume, backup in backups.items():
            job = job_of(server, backup)
            assert (job["state"], job["takeovers"]) == ("done", 1), "it was handed over, not lost"
            assert seen(pools, volume) == expected(volume, contents[volume], {backup: contents[volume]})
        assert any(job_of(server, backup)["attempt"] > 1 for backup in backups.values()), "nothing was handed over"
        assert stray_data(pools) == []
