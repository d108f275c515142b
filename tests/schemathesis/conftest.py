"""Schemathesis against a served description, on a real Keystone and a real Postgres.

The lab, the servers and the people are made as in the conformance suite.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.conftest import Start, identity, lab, pytest_configure, start  # noqa: E402, F401 - fixtures of ours, too
from conformance.people import Identity, People  # noqa: E402
from conformance.server import Server  # noqa: E402
from stock import Stock  # noqa: E402


@pytest.fixture(scope="session")
def guarded(start: Start, identity: Identity) -> Server:  # noqa: F811
    """It asks Keystone who is there. Its backup service counts as alive and does nothing, so that nothing goes away."""
    server = start("schemathesis", "api", **identity.settings())
    server.pretend_worker()
    return server


@pytest.fixture(scope="session")
def people(identity: Identity, guarded: Server) -> People:  # noqa: F811
    people = People(identity, guarded)
    people.rows.quota(volumes=-1, gigabytes=-1, snapshots=-1, backups=-1, backup_gigabytes=-1)
    return people


@pytest.fixture(scope="session")
def stock(people: People) -> Stock:
    return Stock.of(people)
