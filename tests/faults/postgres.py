"""Postgres stands still, or is restarted, for longer than a lease: the API says so, copies go on and are recorded."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from conformance.server import Lab, Server
from conformance.tenant import Tenant
from takeover.disks import KEEPING, expected, fill, seen, stray_data
from takeover.workers import blocklist, copying, job_of
from waiting import until

# How long a client waits at most for being told to come back.
BOUNDED = 25.0


@pytest.fixture
def brief(start) -> Server:
    """A lease that the outage outlasts."""
    return start("faults_brief", "serve", worker=KEEPING | {"lease_seconds": 3, "heartbeat_seconds": 1})


@pytest.fixture
def tenant(brief: Server) -> Tenant:
    return Tenant(brief, brief.client())


@contextmanager
def stopped(lab: Lab) -> Iterator[None]:
    """Postgres is not there inside of this."""
    lab.database.server.end(signal.SIGINT)
    try:
        yield
    finally:
        lab.database.start()


@contextmanager
def silent(lab: Lab) -> Iterator[None]:
    """Postgres and all its backends stand still inside of this: connections stay, and nothing is answered."""
    postmaster = lab.database.server.pid()
    assert postmaster, "the lab's Postgres does not run"
    # the postmaster first: it makes no more of them, while one may still end by itself
    stopped: list[int] = []
    try:
        os.kill(postmaster, signal.SIGSTOP)
        stopped.append(postmaster)
        for pid in children(postmaster):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        yield
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):  # one that had ended, and that the postmaster has buried since
                os.kill(pid, signal.SIGCONT)


def children(parent: int) -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                if int(stat.read().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(name))
        except FileNotFoundError:
            pass
    return found


@pytest.mark.parametrize("away", [stopped, silent])
def test_a_copy_is_finished_and_recorded(tenant, pools, cluster, away):
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.begin(volume)
    copying(tenant.server, backup)
    refused = blocklist(cluster)
    with away(tenant.server.lab):
        began = time.monotonic()
        answer = tenant.api.get(f"/backups/{backup}")
        assert answer.status == 503, answer
        assert int(answer.headers["retry-after"]) > 0
        assert time.monotonic() - began < BOUNDED
        # the restore point is the last thing that is made of the data: longer than a lease from here
        until(lambda: [one for one in pools.snapshots("backups", f"volume-{volume}.backup.{backup}") if backup in one],
              bool, "the copy to be finished without Postgres")
    tenant.await_status("backup", backup, "available")
    assert job_of(tenant.server, backup)["attempt"] == 1, "nobody took it over"
    assert blocklist(cluster) == refused, "nobody was fenced"
    assert seen(pools, volume) == expected(volume, content, {backup: content})
    assert stray_data(pools) == []
