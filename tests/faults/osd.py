"""The only OSD stands still, or dies: jobs wait where everybody can see it, and go on.

It stands still for less than 16 seconds at a time: one that has done so for longer than its read lease does not serve
reads again in a pool of one replica, until it is restarted.
"""

from __future__ import annotations

import signal
import time

import pytest
from conformance.server import Paused, Server
from conformance.tenant import Tenant
from takeover.disks import KEEPING, expected, fill, seen, stray_data
from takeover.workers import copying
from waiting import until

from .jobs import job


def said(server: Server, since: int) -> str:
    return server.log("serve").read_text(errors="replace")[since:]


def stands_still(tenant: Tenant, backup: str) -> dict:
    """Wait until the log says that the job does not come on, while all the rest does."""
    began = len(said(tenant.server, 0))
    until(lambda: said(tenant.server, began), lambda text: "the job does not come on" in text, "the log to tell")
    waiting = job(tenant, backup)
    assert (waiting["state"], waiting["step"]) == ("running", "copy")
    services = tenant.api.get("/os-services").expect(200)["services"]
    assert {service["binary"]: service["state"] for service in services} == {"cinder-backup": "up", "cinder-volume": "up"}
    return waiting


def test_it_stands_still(tenant, pools):
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.begin(volume)
    copying(tenant.server, backup)
    with Paused(tenant.server.lab):
        waiting = stands_still(tenant, backup)
        later = job(tenant, backup)
        assert (later["bytes_copied"], later["progress_at"]) == (waiting["bytes_copied"], waiting["progress_at"])
        assert later["attempt"] == 1
    tenant.await_status("backup", backup, "available")
    assert job(tenant, backup)["attempt"] == 1
    assert seen(pools, volume) == expected(volume, content, {backup: content})


def test_it_dies_and_comes_back(tenant, pools):
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.begin(volume)
    copying(tenant.server, backup)
    lab = tenant.server.lab
    lab.cluster.osd.end(signal.SIGKILL)
    try:
        stands_still(tenant, backup)
    finally:
        lab.cluster.start()
    tenant.await_status("backup", backup, "available")
    assert job(tenant, backup)["attempt"] == 1
    assert seen(pools, volume) == expected(volume, content, {backup: content})
    assert stray_data(pools) == []


@pytest.fixture
def apart(start) -> Server:
    """A worker of its own, which is ended while it waits."""
    return start("faults_apart", "api", "worker",
                 worker=KEEPING | {"lease_seconds": 3, "heartbeat_seconds": 1, "drain_seconds": 1})


def test_the_worker_ends_meanwhile(apart, pools):
    """It does not wait for Ceph for ever; whoever comes next goes on."""
    tenant = Tenant(apart, apart.client())
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.begin(volume)
    copying(apart, backup)
    with Paused(apart.lab):
        began = time.monotonic()
        apart.stop("worker")
        assert time.monotonic() - began < 30
    apart.start("worker")
    tenant.await_status("backup", backup, "available")
    assert seen(pools, volume) == expected(volume, content, {backup: content})
