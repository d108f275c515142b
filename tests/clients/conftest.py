"""The clients that people have, with a real Keystone, a real Ceph and a service that works.

The lab, the servers and the people are made as in the conformance suite.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.conftest import Start, identity, lab, pools, pytest_configure, start  # noqa: E402, F401 - fixtures of ours, too
from conformance.people import Identity  # noqa: E402
from conformance.server import Server  # noqa: E402
from disks import Disks  # noqa: E402
from team import Team  # noqa: E402


@pytest.fixture(scope="session")
def server(start: Start, identity: Identity) -> Server:  # noqa: F811
    """API and worker, which everybody finds in Keystone's catalogue."""
    # A backup for a zone without a worker is to fail while a test waits.
    server = start("clients", "serve", api={"worker_wait_seconds": 1}, **identity.settings())
    identity.keystone.publish(server.base)
    return server


@pytest.fixture
def ours(identity: Identity, server: Server) -> Iterator[Team]:  # noqa: F811
    """A project, an administrator, a member and a reader in it. Nothing of it may be left."""
    team = Team(identity, server)
    yield team
    team.disband()


@pytest.fixture
def theirs(identity: Identity, server: Server) -> Iterator[Team]:  # noqa: F811
    """Another one."""
    team = Team(identity, server)
    yield team
    team.disband()


@pytest.fixture
def disks(pools) -> Disks:  # noqa: F811
    return Disks(pools)
