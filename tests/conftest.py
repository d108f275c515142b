"""Everything here looks at Cindervault and its lab from outside, on a real Ceph and a real Postgres.

The private cluster and database are started once, by `make test` or `tests/lab/lab.py run`, and found
through the environment.
"""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "lab"))
# Debian's rados and rbd modules, behind the venv's own packages.
sys.path.append("/usr/lib/python3/dist-packages")


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
