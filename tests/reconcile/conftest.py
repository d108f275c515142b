"""A server under load beside which things are made to disagree. The lab and the servers are made as in the conformance
suite.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.conftest import Start, lab, pytest_configure, start  # noqa: E402, F401 - fixtures of ours, too
from conformance.server import Lab, Server  # noqa: E402
from conformance.tenant import Tenant  # noqa: E402
from pools import Pools  # noqa: E402

from .load import Load  # noqa: E402


@pytest.fixture(scope="session")
def server(start: Start) -> Server:  # noqa: F811
    # neither compares nor reads back by itself: what is gone is to be found by the command
    quiet = {"reconcile_hours": 0, "scrub_days": 0}
    return start("reconcile", "serve",
                 worker={"host": "lab", "lease_seconds": 3, "poll_seconds": 1, "heartbeat_seconds": 1} | quiet)


@pytest.fixture(scope="session")
def pools(lab: Lab) -> Iterator[Pools]:  # noqa: F811
    """What stands on Ceph, seen past the service."""
    with lab.cluster.connected() as connection:
        yield Pools(connection)


@pytest.fixture
def tenant(server: Server) -> Tenant:
    return Tenant(server, server.client())


@pytest.fixture
def load(server: Server, pools: Pools) -> Iterator[Load]:
    """Backups, restores and deletes, one after the other, of two projects."""
    with Load(server, pools) as running:
        yield running
