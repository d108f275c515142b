"""A worker that is gone without a word."""

from __future__ import annotations

from pools import BACKUPS_POOL, VOLUMES_POOL

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


def test_in_the_middle_of_removing_an_image(tenant, workers, pools):
    """librbd removes one by way of the trash: what an earlier attempt has left of the base is there, and its name is free."""
    one, two = workers
    one.start()
    volume = tenant.volume()
    content = fill(pools, volume)
    one.stop()
    backup = tenant.api.post("/backups", {"backup": {"volume_id": volume}}).expect(202)["backup"]["id"]
    base, io = f"{image_of(volume)}.backup.{backup}", pools.io[BACKUPS_POOL]
    pools.rbd.RBD().create(io, base, 1 << 30, old_format=False)
    with pools.open(BACKUPS_POOL, base, writable=True) as image:
        image.write(b"left", 0)
        identifier = image.id()
    pools.cut_removal(BACKUPS_POOL, base)
    two.start()
    tenant.await_status("backup", backup, "available")
    with pools.open(BACKUPS_POOL, base) as image:
        assert image.id() != identifier
    assert pools.images(BACKUPS_POOL).count(base) == 1, "what is being removed is listed, too"
    assert stray_data(pools) == []
    restored = tenant.restore(backup)["volume_id"]
    assert seen(pools, restored) == expected(restored, content, {})
