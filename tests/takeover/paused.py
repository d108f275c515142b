"""A worker that stands still for longer than its lease, and wakes up when its job is another's."""

from __future__ import annotations

from waiting import until

from .disks import change, expected, fill, seen, stray_data
from .workers import Worker, blocklist, copying, job_of

# Some inside of what was there, some beyond it.
PLACES = range(1 << 20, 1000 << 20, 90 << 20)


def wakes_up(worker: Worker) -> None:
    """Let it go on, and wait until it has noticed and made new connections."""
    before = worker.names()
    worker.go_on()
    until(worker.names, lambda names: len(names) > len(before), f"new connections of {worker.host}")
    until(worker.said, lambda said: "worker goes on over new connections" in said, f"{worker.host} to say so")
    # whichever it hears first: that the lease is gone, or that Ceph refuses what it sends
    until(worker.said, lambda said: "the job's lease was lost" in said or "another worker has fenced this one" in said,
          f"the former job of {worker.host} to end")


def does_the_next_job(worker: Worker, other: Worker, tenant, volume: str) -> str:
    """A backup that nobody else can make."""
    other.stop()
    backup = tenant.backup(volume, incremental=True)
    assert tenant.server.rows(f"SELECT host FROM backups WHERE id = '{backup}'") == [{"host": worker.host}]
    return backup


def test_a_full_backup(tenant, workers, pools, cluster):
    one, two = workers
    one.start()
    volume = tenant.volume()
    first = fill(pools, volume)
    full = tenant.begin(volume)
    copying(tenant.server, full)
    one.pause()
    two.start()
    tenant.await_status("backup", full, "available")
    job = job_of(tenant.server, full)
    assert (job["takeovers"], job["predecessors"]) == (2, [])
    assert one.addresses() <= blocklist(cluster)
    assert not two.addresses() & blocklist(cluster)

    # what the old worker still has in hand would go over this, and into the restore point
    second = change(pools, volume, first, PLACES)
    increment = tenant.backup(volume, incremental=True)
    wakes_up(one)
    third = change(pools, volume, second, range(5 << 20, 600 << 20, 200 << 20))
    last = does_the_next_job(one, two, tenant, volume)
    assert seen(pools, volume) == expected(volume, third, {full: first, increment: second, last: third})
    assert stray_data(pools) == []


def test_a_restore(tenant, workers, pools, cluster):
    one, two = workers
    one.start()
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.backup(volume)
    target = tenant.volume()
    tenant.api.post(f"/backups/{backup}/restore", {"restore": {"volume_id": target}}).expect(202)
    copying(tenant.server, backup)
    one.pause()
    two.start()
    tenant.await_status("volume", target, "available")
    assert one.addresses() <= blocklist(cluster)

    # its user writes to it
    used = change(pools, target, content, PLACES)
    wakes_up(one)
    assert seen(pools, target) == expected(target, used, {})
    increment = does_the_next_job(one, two, tenant, volume)
    assert seen(pools, volume) == expected(volume, content, {backup: content, increment: content})


def test_all_that_it_was_doing(tenant, workers, pools):
    """It had several jobs over the same connections: each goes on, and none is done twice."""
    one, two = workers
    one.start()
    volumes = [tenant.volume() for _ in range(2)]
    contents = {volume: fill(pools, volume) for volume in volumes}
    backups = {volume: tenant.begin(volume) for volume in volumes}
    for backup in backups.values():
        copying(tenant.server, backup)
    one.pause()
    two.start()
    for backup in backups.values():
        tenant.await_status("backup", backup, "available")
        assert job_of(tenant.server, backup)["takeovers"] == 2
    wakes_up(one)
    for volume, backup in backups.items():
        assert seen(pools, volume) == expected(volume, contents[volume], {backup: contents[volume]})
    assert stray_data(pools) == []


def test_it_takes_its_own_job_again(tenant, workers, pools, cluster):
    """Nobody else is there: it is its own successor, and what it had in flight before is as dangerous as another's."""
    one, _ = workers
    one.start()
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.begin(volume)
    copying(tenant.server, backup)
    before = one.addresses()
    one.pause()
    lapsed = f"SELECT lease_until < now() AS lapsed FROM jobs WHERE target_id = '{backup}'"
    until(lambda: tenant.server.rows(lapsed), lambda rows: rows == [{"lapsed": True}], "the lease to run out")
    wakes_up(one)
    tenant.await_status("backup", backup, "available")
    assert before <= blocklist(cluster)
    assert seen(pools, volume) == expected(volume, content, {backup: content})
    assert stray_data(pools) == []
