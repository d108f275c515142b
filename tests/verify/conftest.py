"""Backups that are no longer what was backed up. The lab and the servers are made as in the conformance suite."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.conftest import Start, lab, pools, pytest_configure, start  # noqa: E402, F401 - fixtures of ours, too
from conformance.server import Server  # noqa: E402
from conformance.tenant import Tenant  # noqa: E402

from .chain import Chain  # noqa: E402


@pytest.fixture(scope="session")
def server(start: Start) -> Server:  # noqa: F811
    """API and worker, which read backups back only when they are asked to."""
    return start("verify", "serve", worker={"scrub_days": 0})


@pytest.fixture
def tenant(server: Server) -> Tenant:
    return Tenant(server, server.client())


@pytest.fixture
def chain(tenant: Tenant, pools) -> Chain:  # noqa: F811
    """A volume without backups yet."""
    return Chain(tenant, pools)
