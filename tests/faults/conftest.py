"""What is asked for in the middle of a job, and what happens to Ceph and Postgres meanwhile.

The lab and the servers are made as in the conformance suite; the workers as in that of takeovers.
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
from takeover.disks import KEEPING  # noqa: E402


@pytest.fixture(scope="session")
def server(start: Start) -> Server:  # noqa: F811
    """API and worker, as an installation has them. Its lease is long: nothing here waits for a renewal."""
    return start("faults", "serve", worker=KEEPING | {"lease_seconds": 30, "heartbeat_seconds": 1})


@pytest.fixture(scope="session")
def cluster(lab: Lab) -> Iterator:  # noqa: F811
    """client.admin's connection."""
    with lab.cluster.connected() as connection:
        yield connection


@pytest.fixture(scope="session")
def pools(cluster) -> Pools:
    """What stands on Ceph, seen past the service."""
    return Pools(cluster)


@pytest.fixture
def tenant(server: Server) -> Tenant:
    """A project that leaves nothing behind."""
    return Tenant(server, server.client())
