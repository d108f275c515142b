"""Everything here looks at Cindervault and its lab from outside, on a real Ceph and a real Postgres.

The private cluster and database are started once, by `make test` or `tests/lab/lab.py run`, and found
through the environment.
"""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "lab"))
# Debian's rados and rbd modules, behind the venv's own packages.
sys.path.append("/usr/lib/python3/dist-packages")

from client import RequestFailed, Rest  # noqa: E402
from command import run  # noqa: E402
from tenant import Tenant  # noqa: E402


@pytest.fixture(scope="session")
def cluster():
    """client.admin's connection to the run's Ceph."""
    import rados

    conf = os.environ.get("CINDERVAULT_TEST_CEPH_CONF")
    if not conf:
        pytest.fail("CINDERVAULT_TEST_CEPH_CONF is not set: run this as `make test`, or below `tests/lab/lab.py run --`")
    with rados.Rados(conffile=conf, name="client.admin") as connection:
        yield connection


@pytest.fixture
def image_name(cluster):
    """The name of an empty 64 MiB image in the volume pool."""
    import rbd

    name = f"test-{uuid.uuid4()}"
    with cluster.open_ioctx(os.environ["VOLUMES_POOL"]) as io:
        rbd.RBD().create(io, name, 64 << 20)
        yield name
        with rbd.Image(io, name) as image:
            for snapshot in list(image.list_snaps()):
                image.remove_snap(snapshot["name"])
        rbd.RBD().remove(io, name)


@pytest.fixture
def image(cluster, image_name):
    """That image, open for writing."""
    import rbd

    with cluster.open_ioctx(os.environ["VOLUMES_POOL"]) as io, rbd.Image(io, image_name) as opened:
        yield opened


# ---- the service

@pytest.fixture(scope="session")
def service_url() -> str:
    url = os.environ.get("CINDERVAULT_URL")
    if not url:
        pytest.fail("CINDERVAULT_URL is not set: run this as `make test`, or below `tests/lab/lab.py run --service --`")
    return url


@pytest.fixture(scope="session")
def pools(cluster):
    """What stands on Ceph, seen past the service."""
    from pools import Pools

    return Pools(cluster)


@pytest.fixture
def tenant(service_url: str) -> Iterator[Tenant]:
    made = Tenant(Rest(service_url, uuid.uuid4().hex))
    yield made
    made.clean()


Command = Callable[..., str]


@pytest.fixture
def openstack(service_url: str, tenant: Tenant) -> Command:
    """The openstack command, as the env file of a lab sets it up."""
    return lambda *arguments: run(
        "openstack", "--os-auth-type", "none", "--os-endpoint", f"{service_url}/v3/{tenant.project}", *arguments).ok()


@pytest.fixture
def cinder(service_url: str, tenant: Tenant) -> Command:
    """The cinder command, likewise."""
    return lambda *arguments: run(
        "cinder", "--os-auth-type", "noauth", "--os-user-id", "admin", "--os-project-id", tenant.project,
        "--os-endpoint", f"{service_url}/v3/{tenant.project}", *arguments).ok()


@contextlib.contextmanager
def refused(status: int, message: str) -> Iterator[None]:
    """The request inside must be answered with this status and this message, which clients compare."""
    with pytest.raises(RequestFailed) as failure:
        yield
    assert (failure.value.status, failure.value.message) == (status, message)
