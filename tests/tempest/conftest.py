"""Tempest, the test suite that OpenStack's clouds are certified with, against a Cindervault with a real Keystone.

The lab, the server and Keystone are made as in the conformance suite. Tempest and its plugin for block storage are
installed as they are published (`requirements.txt`), into an environment of their own: nothing of them is edited.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.conftest import Start, identity, lab, pytest_configure, start  # noqa: E402, F401 - fixtures of ours, too
from conformance.people import Identity  # noqa: E402
from conformance.server import Lab  # noqa: E402
from cloud import Cloud  # noqa: E402
from runs import Outcome  # noqa: E402

OUTCOMES = pytest.StashKey[list[Outcome]]()


@pytest.fixture(scope="session")
def workspace(lab: Lab) -> Path:  # noqa: F811
    directory = lab.dir / "tempest"
    directory.mkdir(exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def cloud(start: Start, identity: Identity, workspace: Path) -> Cloud:  # noqa: F811
    """API and worker as an installation has them, and their address in Keystone's catalogue."""
    server = start("tempest", "serve", **identity.settings())
    identity.keystone.publish(server.base)
    return Cloud(identity, workspace)


@pytest.fixture
def outcomes(pytestconfig: pytest.Config) -> list[Outcome]:
    """What came of the lists so far, for the summary."""
    return pytestconfig.stash.setdefault(OUTCOMES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for outcome in config.stash.get(OUTCOMES, []):
        for line in outcome.summary():
            terminalreporter.write_line(f"tempest: {line}")
