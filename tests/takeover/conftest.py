"""Jobs that change hands: their worker stands still, dies or is cut off, and another goes on with them.

Two workers beside one API, each a process that can be stopped and let go on. The lab and the servers are made as in
the conformance suite.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.conftest import Start, lab, pytest_configure, start  # noqa: E402, F401 - fixtures of ours, too
from conformance.server import Lab, Server  # noqa: E402
from conformance.tenant import Tenant  # noqa: E402
from pools import Pools  # noqa: E402

from .disks import KEEPING  # noqa: E402
from .workers import Worker  # noqa: E402

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server(start: Start) -> Server:  # noqa: F811
    """An API; the tests start its workers."""
    server = start("takeover", "api", api={"worker_wait_seconds": 600}, worker=KEEPING)
    server.pretend_worker()  # requests are refused where there never was one
    return server


@pytest.fixture(scope="session")
def cluster(lab: Lab):  # noqa: F811
    """client.admin's connection."""
    with lab.cluster.connected() as connection:
        yield connection


@pytest.fixture(scope="session")
def pools(cluster) -> Pools:
    """What stands on Ceph, seen past the service."""
    return Pools(cluster)


@pytest.fixture
def workers(server: Server) -> Iterator[tuple[Worker, Worker]]:
    """Two of them, not started yet."""
    number = next(NUMBERS)
    pair = Worker(server, f"one-{number}"), Worker(server, f"two-{number}")
    yield pair
    for worker in pair:
        if worker.daemon.pid():
            worker.go_on()
        worker.stop()


@pytest.fixture
def tenant(server: Server) -> Tenant:
    return Tenant(server, server.client())
