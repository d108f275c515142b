"""Everything here looks at Cindervault and its lab from outside, on a real Ceph and a real Postgres.

The private cluster and database are started once, by `make test` or `tests/lab/lab.py run`, and found
through the environment.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
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


class Tenant:
    """A project of its own, and what was made in it: all of it is deleted again."""

    def __init__(self, url: str) -> None:
        from client import Rest

        self.url = url
        self.project = uuid.uuid4().hex
        self.rest = Rest(url, self.project)

    def volume(self, size: int = 1, name: str | None = None) -> str:
        made = self.rest.post("/volumes", {"volume": {"size": size, "name": name}})["volume"]["id"]
        self.rest.await_status("volume", made, "available")
        return made

    def snapshot(self, volume: str) -> str:
        made = self.rest.post("/snapshots", {"snapshot": {"volume_id": volume, "force": True}})["snapshot"]["id"]
        self.rest.await_status("snapshot", made, "available")
        return made

    def backup(self, volume: str, **fields: object) -> str:
        made = self.rest.post("/backups", {"backup": {"volume_id": volume, **fields}})["backup"]["id"]
        self.rest.await_status("backup", made, "available")
        return made

    def attach(self, volume: str) -> None:
        self.rest.post(f"/volumes/{volume}/action", {"os-attach": {
            "instance_uuid": str(uuid.uuid4()), "mountpoint": "/dev/vdb", "mode": "rw"}})
        self.rest.await_status("volume", volume, "in-use")

    def reset(self, kind: str, identifier: str, status: str) -> None:
        self.rest.post(f"/{kind}s/{identifier}/action", {"os-reset_status": {"status": status}})
        self.rest.await_status(kind, identifier, status)

    def statuses(self) -> dict[str, str]:
        """Of everything in the project: what a refused request must leave as it is."""
        return {f"{kind} {one['id']}": one["status"] for kind in ("volume", "snapshot", "backup")
                for one in self.rest.get(f"/{kind}s/detail")[f"{kind}s"]}

    def clean(self) -> None:
        for volume in self.rest.get("/volumes/detail")["volumes"]:
            if volume["status"] == "in-use":
                self.rest.post(f"/volumes/{volume['id']}/action", {"os-detach": {}})
                self.rest.await_status("volume", volume["id"], "available")
        newest_first = self.rest.get("/backups/detail?sort=created_at:desc")["backups"]
        for kind, every in (("backup", newest_first), ("snapshot", self.rest.get("/snapshots")["snapshots"]),
                            ("volume", self.rest.get("/volumes")["volumes"])):
            for one in every:
                self.rest.delete(f"/{kind}s/{one['id']}")
                self.rest.await_gone(kind, one["id"])


@pytest.fixture
def tenant(service_url: str) -> Iterator[Tenant]:
    made = Tenant(service_url)
    yield made
    made.clean()


Command = Callable[..., str]


@pytest.fixture
def openstack(tenant: Tenant) -> Command:
    """The openstack command, as the env file of a lab sets it up."""
    return lambda *arguments: _client(
        "openstack", "--os-auth-type", "none", "--os-endpoint", f"{tenant.url}/v3/{tenant.project}", *arguments)


@pytest.fixture
def cinder(tenant: Tenant) -> Command:
    """The cinder command, likewise."""
    return lambda *arguments: _client(
        "cinder", "--os-auth-type", "noauth", "--os-user-id", "admin", "--os-project-id", tenant.project,
        "--os-endpoint", f"{tenant.url}/v3/{tenant.project}", *arguments)


def _client(program: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    done = subprocess.run([Path(sys.executable).with_name(program), *arguments], capture_output=True, text=True,
                          env=environment, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise AssertionError(f"{program} {' '.join(arguments)}\nended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def refused(status: int, message: str) -> Iterator[None]:
    """The request inside must be answered with this status and this message, which clients compare."""
    from client import RequestFailed

    with pytest.raises(RequestFailed) as failure:
        yield
    assert (failure.value.status, failure.value.message) == (status, message)
