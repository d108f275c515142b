"""A real Keystone beside a real service: who is let in, who sees what, and who may do what.

The lab, the servers and the people are made as in the conformance suite. Nobody here is believed without a token.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.conftest import Start, identity, lab, pytest_configure, start  # noqa: E402, F401 - fixtures of ours, too
from conformance.people import Identity, People  # noqa: E402
from conformance.server import Server  # noqa: E402
from things import Things  # noqa: E402


@pytest.fixture(scope="session")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy file of the guarded server; empty, unless a test writes into it."""
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text("")
    return file


@pytest.fixture(scope="session")
def guarded(start: Start, identity: Identity, policy_file: Path) -> Server:  # noqa: F811
    """It asks Keystone who is there. Its backup service counts as alive and does nothing. It logs what it can."""
    server = start("behind_keystone", "api", log={"level": "debug"}, policy={"file": str(policy_file)},
                   **identity.settings())
    server.pretend_worker()
    return server


@pytest.fixture
def ours(identity: Identity, guarded: Server) -> People:  # noqa: F811
    """A project, and people with more and with less rights in it."""
    return People(identity, guarded)


@pytest.fixture
def theirs(identity: Identity, guarded: Server) -> People:  # noqa: F811
    """Another one."""
    return People(identity, guarded)


@pytest.fixture(scope="session")
def us(identity: Identity, guarded: Server) -> People:  # noqa: F811
    """As `ours`, for tests that need no project of their own: making people takes longer than most tests."""
    people = People(identity, guarded)
    people.rows.quota(volumes=-1, gigabytes=-1, snapshots=-1, backups=-1, backup_gigabytes=-1)
    return people


@pytest.fixture(scope="session")
def them(identity: Identity, guarded: Server) -> People:  # noqa: F811
    """As `theirs`, likewise."""
    return People(identity, guarded)


@pytest.fixture(scope="session")
def our_things(us: People) -> Things:
    """Of `us`, for tests in which nothing happens to them."""
    return Things.of(us)


@pytest.fixture(scope="session")
def their_things(them: People) -> Things:
    return Things.of(them)
