"""A worker that is gone without a word."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, nullcontext

import pytest
from pools import BACKUPS_POOL, VOLUMES_POOL
from service import binary

from .disks import expected, fill, image_of, seen, stray_data
from .workers import blocklist, copying, job_of


def test_a_full_backup(tenant, workers, pools, cluster):
    one, two = workers
    one.start()
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.begin(volume)
    copying(tenant.server, backup)
    one.kill()
    two.start()
    tenant.await_status("backup", backup, "available")
    job = job_of(tenant.server, backup)
    assert (job["takeovers"], job["state"]) == (2, "done")
    # what the dead one had sent and what had not arrived is refused as well
    assert one.addresses() <= blocklist(cluster)
    assert seen(pools, volume) == expected(volume, content, {backup: content})
    assert stray_data(pools) == []


def test_a_restore(tenant, workers, pools):
    one, two = workers
    one.start()
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.backup(volume)
    restored = tenant.api.post(f"/backups/{backup}/restore", {"restore": {}}).expect(202)["restore"]["volume_id"]
    copying(tenant.server, backup)
    one.kill()
    two.start()
    tenant.await_status("volume", restored, "available")
    assert seen(pools, restored) == expected(restored, content, {})
    assert stray_data(pools) == []


def test_in_the_middle_of_making_an_image(tenant, workers, pools):
    """librbd makes one in several steps; what it leaves between the first two is a name that it does not open."""
    one, two = workers
    one.start()
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.backup(volume)
    one.stop()
    restored = tenant.api.post(f"/backups/{backup}/restore", {"restore": {}}).expect(202)["restore"]["volume_id"]
    empty = tenant.api.post("/volumes", {"volume": {"size": 1}}).expect(202)["volume"]["id"]
    io = pools.io[VOLUMES_POOL]
    for half in (restored, empty):
        io.write_full(f"rbd_id.{image_of(half)}", io.read(f"rbd_id.{image_of(volume)}")[:-1] + b"_")
    two.start()
    for made in (restored, empty):
        tenant.await_status("volume", made, "available")
    assert seen(pools, restored) == expected(restored, content, {})
    assert stray_data(pools) == []


@pytest.mark.parametrize(("stage", "watched"), [("begun", False), ("moving", False), ("moved", False), ("moved", True)])
def test_in_the_middle_of_removing_an_image(tenant, workers, pools, stage, watched):
    """librbd removes one by way of the trash: what an earlier attempt has left of the base may be there, with its name free.
    An OSD may keep the watch of whoever removed it for long."""
    one, two = workers
    one.start()
    volume = tenant.volume()
    content = fill(pools, volume)
    one.stop()
    backup = tenant.api.post("/backups", {"backup": {"volume_id": volume}}).expect(202)["backup"]["id"]
    tenant.server.sql(f"UPDATE jobs SET attempt = 1 WHERE target_id = '{backup}'")
    base = f"{image_of(volume)}.backup.{backup}"
    identifier = pools.cut_removal(BACKUPS_POOL, base, stage)
    with watch(pools, BACKUPS_POOL, identifier) if watched else nullcontext():
        two.start()
        tenant.await_status("backup", backup, "available")
    with pools.open(BACKUPS_POOL, base) as image:
        assert image.id() != identifier
    # what is being removed is listed, too
    assert pools.images(BACKUPS_POOL).count(base) == 1 + watched
    assert len(stray_data(pools)) == (3 if watched else 0), stray_data(pools)
    reconcile(tenant.server)
    assert pools.images(BACKUPS_POOL).count(base) == 1
    assert stray_data(pools) == []
    restored = tenant.restore(backup)["volume_id"]
    assert seen(pools, restored) == expected(restored, content, {})


@pytest.mark.parametrize(("stage", "watched"), [("begun", False), ("moving", False), ("moved", True)])
def test_in_the_middle_of_a_deletion(tenant, workers, pools, stage, watched):
    """Whoever goes on finds no name, or one that is about to go, and what stays in use is in the trash already."""
    _, two = workers
    two.start()
    volume, gone = tenant.volume(), tenant.volume()
    full = tenant.backup(volume)
    base = f"{image_of(volume)}.backup.{full}"
    with pools.open(BACKUPS_POOL, base, writable=True) as image:
        for snapshot in [one["name"] for one in image.list_snaps()]:
            image.remove_snap(snapshot)
    left = {pool: pools.cut_removal(pool, image, stage)
            for pool, image in ((BACKUPS_POOL, base), (VOLUMES_POOL, image_of(gone)))}
    with ExitStack() as held:
        for pool, identifier in left.items() if watched else ():
            held.enter_context(watch(pools, pool, identifier))
        tenant.api.delete(f"/backups/{full}").empty(202)
        tenant.api.delete(f"/volumes/{gone}").empty(202)
        tenant.await_gone("backup", full, patience=150)
        tenant.await_gone("volume", gone, patience=150)
    there = [base in pools.images(BACKUPS_POOL), image_of(gone) in pools.images(VOLUMES_POOL)]
    assert there == [watched, watched]
    reconcile(tenant.server)
    for pool, identifier in left.items():
        assert not [one for one in pools.objects(pool) + pools.directory_entries(pool) if identifier in one]


def watch(pools, pool, identifier):
    return pools.rbd.Image(pools.io[pool], image_id=identifier)


def reconcile(server) -> None:
    """What other tests have left is told, and left."""
    done = subprocess.run([str(binary()), "reconcile", "--config", str(server.conf)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done
