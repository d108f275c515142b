"""The servers of the suite, and a project of its own for each test.

The Ceph and the Postgres are those of `tests/lab/lab.py run`; the Cindervaults on them are started here, the first
time that a test asks for one, and ended when the last test is done.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "lab"))
# Debian's rados and rbd modules, behind the venv's own packages.
sys.path.append("/usr/lib/python3/dist-packages")

from .people import Identity, People  # noqa: E402
from .rows import Rows  # noqa: E402
from .server import Lab, Server  # noqa: E402
from .tenant import Tenant  # noqa: E402
from .wire import Client  # noqa: E402

Start = Callable[..., Server]


def pytest_configure() -> None:
    """SIGTERM ends the run as Ctrl-C does: the servers are ended, and the OSD is not left standing still."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def lab() -> Lab:
    directory = os.environ.get("LAB_DIR")
    if not directory or "CINDERVAULT_TEST_CEPH_CONF" not in os.environ:
        pytest.fail("there is no lab: run this as `make test`, or below `tests/lab/lab.py run --`")
    return Lab(Path(directory).absolute())


@pytest.fixture(scope="session")
def start(lab: Lab) -> Iterator[Start]:
    """Starts a server that the suite ends."""
    started: list[Server] = []

    def start(name: str, *commands: str, **settings: dict) -> Server:
        started.append(Server(lab, name, settings))
        return started[-1].start(*commands)

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def working(start: Start) -> Server:
    """API and worker, as an installation has them."""
    return start("working", "serve")


@pytest.fixture(scope="session")
def held(start: Start) -> Server:
    """An API whose backup service counts as alive and does nothing: what was begun stays begun."""
    server = start("held", "api")
    server.pretend_worker()
    return server


@pytest.fixture(scope="session")
def alone(start: Start) -> Server:
    """An API that had a backup service once: its last heartbeat is ancient. A create soon gives up waiting."""
    server = start("alone", "api", api={"worker_wait_seconds": 1})
    server.pretend_worker(seen="-1 day")
    return server


@pytest.fixture(scope="session")
def apart(start: Start) -> Server:
    """API and worker as two processes, so that the worker alone can be killed."""
    return start("apart", "api", "worker")


@pytest.fixture(scope="session")
def identity(lab: Lab) -> Iterator[Identity]:
    identity = Identity(lab.dir / "conformance" / "keystone")
    yield identity
    identity.stop()


@pytest.fixture(scope="session")
def guarded(start: Start, identity: Identity) -> Server:
    """As `held`, and it asks Keystone who is there."""
    server = start("guarded", "api", **identity.settings())
    server.pretend_worker()
    return server


@pytest.fixture
def people(identity: Identity, guarded: Server) -> People:
    """A project on the guarded server, and callers with more and with less rights in it."""
    return People(identity, guarded)


@pytest.fixture
def tenant(working: Server) -> Tenant:
    """A project on the working server."""
    return Tenant(working, working.client())


@pytest.fixture
def api(held: Server) -> Client:
    """An administrator in a project of its own, where nothing that was begun goes on."""
    return held.client()


@pytest.fixture
def rows(held: Server, api: Client) -> Rows:
    """The rows of that project."""
    return Rows(held, api.project)


@pytest.fixture(scope="session")
def pools(lab: Lab):
    """What stands on Ceph, seen past the service."""
    import rados
    from pools import Pools

    with rados.Rados(conffile=str(lab.cluster.conf), name="client.admin") as connection:
        yield Pools(connection)
