"""A worker whose connections the cluster refuses while it holds its jobs: nobody has lost anything."""

from __future__ import annotations

import pytest

from waiting import until

from .disks import expected, fill, seen, stray_data
from .workers import Worker, copying, job_of, refuse


@pytest.fixture
def worker(workers) -> Worker:
    return workers[0].start()


def goes_on(worker: Worker, cluster, server, target: str) -> None:
    """Cut it off in the middle of its copy. The job counts as handed back, not as left behind."""
    copying(server, target)
    refuse(cluster, worker.addresses())
    until(worker.said, lambda said: "worker goes on over new connections" in said, f"{worker.host} to connect anew")


def test_in_a_full_backup(tenant, worker, pools, cluster):
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.begin(volume)
    goes_on(worker, cluster, tenant.server, backup)
    assert tenant.await_status("backup", backup, "available")["fail_reason"] is None
    job = job_of(tenant.server, backup)
    assert (job["attempt"], job["takeovers"]) == (2, 1)
    assert seen(pools, volume) == expected(volume, content, {backup: content})
    assert stray_data(pools) == []


def test_in_a_restore(tenant, worker, pools, cluster):
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.backup(volume)
    restored = tenant.api.post(f"/backups/{backup}/restore", {"restore": {}}).expect(202)["restore"]["volume_id"]
    goes_on(worker, cluster, tenant.server, backup)
    tenant.await_status("volume", restored, "available")
    assert seen(pools, restored) == expected(restored, content, {})


def test_while_it_has_nothing_to_do(tenant, worker, cluster):
    """It finds out with the first job, which is done all the same."""
    refuse(cluster, worker.addresses())
    volume = tenant.volume()
    assert len(worker.names()) == 2
    snapshot = tenant.snapshot(volume)
    tenant.api.delete(f"/snapshots/{snapshot}").expect(202)
    tenant.await_gone("snapshot", snapshot)
