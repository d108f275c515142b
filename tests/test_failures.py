"""What goes wrong after the answer: the backup says why, the volume is as before, nothing is left behind."""

from __future__ import annotations

import struct

from cluster import BACKUPS_POOL, VOLUMES_POOL


def test_the_volumes_image_is_gone(tenant, pools):
    volume = tenant.volume()
    pools.rbd.RBD().remove(pools.io[VOLUMES_POOL], f"volume-{volume}")
    made = tenant.rest.post("/backups", {"backup": {"volume_id": volume}})["backup"]["id"]
    failed = tenant.rest.await_error("backup", made)
    assert f"volume-{volume}" in failed["fail_reason"]
    assert tenant.rest.show("volume", volume)["status"] == "available"
    assert [image for image in pools.images(BACKUPS_POOL) if volume in image] == []
    assert f"backup.{made}.meta" not in pools.objects(BACKUPS_POOL)


def test_the_backups_image_is_gone_before_an_incremental(tenant, pools):
    """There is nothing left to be incremental to: the backup becomes a full one, and can be restored."""
    volume = tenant.volume()
    full = tenant.backup(volume)
    chain = f"volume-{volume}.backup.{full}"
    with pools.open(BACKUPS_POOL, chain, writable=True) as image:
        for snapshot in pools.snapshots(BACKUPS_POOL, chain):
            image.remove_snap(snapshot)
    pools.rbd.RBD().remove(pools.io[BACKUPS_POOL], chain)
    backup = tenant.backup(volume, incremental=True)
    assert tenant.rest.show("backup", backup)["is_incremental"] is False
    restored = tenant.rest.post(f"/backups/{backup}/restore", {"restore": {}})["restore"]["volume_id"]
    tenant.rest.await_status("volume", restored, "available")


def test_the_backups_image_is_gone_before_a_restore(tenant, pools):
    """The backup is refused with a reason; a volume that was made for it does not look usable."""
    volume = tenant.volume()
    full = tenant.backup(volume)
    chain = f"volume-{volume}.backup.{full}"
    with pools.open(BACKUPS_POOL, chain, writable=True) as image:
        for snapshot in pools.snapshots(BACKUPS_POOL, chain):
            image.remove_snap(snapshot)
    pools.rbd.RBD().remove(pools.io[BACKUPS_POOL], chain)
    restored = tenant.rest.post(f"/backups/{full}/restore", {"restore": {}})["restore"]["volume_id"]
    assert tenant.rest.await_error("volume", restored)["status"] == "error_restoring"
    assert tenant.rest.show("backup", full)["status"] == "available"


def test_a_stranger_on_the_volume_is_left_alone(tenant, pools):
    """A snapshot that is not ours survives backups, and their deletion."""
    volume = tenant.volume()
    with pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image:
        image.create_snap("by-hand")
    backup = tenant.backup(volume)
    tenant.rest.delete(f"/backups/{backup}")
    tenant.rest.await_gone("backup", backup)
    assert "by-hand" in pools.snapshots(VOLUMES_POOL, f"volume-{volume}")
    with pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image:
        image.remove_snap("by-hand")


def cut_short(pools, pool: str, image: str, snapshot: str) -> None:
    """Begin to remove a snapshot and go no further, as a client that dies in the middle of it."""
    with pools.open(pool, image) as opened:
        identifier = opened.id()
        (found,) = (one["id"] for one in opened.list_snaps() if one["name"] == snapshot)
    pools.io[pool].execute(f"rbd_header.{identifier}", "rbd", "snapshot_trash_add", struct.pack("<Q", found))
    assert snapshot not in pools.snapshots(pool, image)


def test_removals_of_snapshots_that_were_cut_short_are_finished(tenant, pools):
    volume = tenant.volume()
    full = tenant.backup(volume)
    more = tenant.backup(volume, incremental=True)
    base, image = f"volume-{volume}.backup.{full}", f"volume-{volume}"
    (point,) = pools.backup_snapshots(BACKUPS_POOL, base, more)
    cut_short(pools, BACKUPS_POOL, base, point)
    (marker,) = pools.backup_snapshots(VOLUMES_POOL, image, more)
    cut_short(pools, VOLUMES_POOL, image, marker)
    tenant.rest.delete(f"/backups/{more}")
    tenant.rest.await_gone("backup", more)

    (point,) = pools.backup_snapshots(BACKUPS_POOL, base, full)
    cut_short(pools, BACKUPS_POOL, base, point)
    tenant.rest.delete(f"/backups/{full}")
    tenant.rest.await_gone("backup", full)
    assert base not in pools.images(BACKUPS_POOL)

    snapshot = tenant.snapshot(volume)
    cut_short(pools, VOLUMES_POOL, image, f"snapshot-{snapshot}")
    tenant.rest.delete(f"/snapshots/{snapshot}")
    tenant.rest.await_gone("snapshot", snapshot)
    with pools.open(VOLUMES_POOL, image) as opened:
        assert list(opened.list_snaps()) == []


def test_a_volume_whose_removal_was_cut_short_is_removed(tenant, pools):
    """What librbd leaves of an image whose header is gone already: it is listed, and can not be opened."""
    volume = tenant.volume()
    image, io = f"volume-{volume}", pools.io[VOLUMES_POOL]
    with pools.open(VOLUMES_POOL, image) as opened:
        header, bitmap = f"rbd_header.{opened.id()}", f"rbd_object_map.{opened.id()}"
    for name in (header, bitmap):
        io.remove_object(name)
    assert image in pools.images(VOLUMES_POOL)
    tenant.rest.delete(f"/volumes/{volume}")
    tenant.rest.await_gone("volume", volume)
    assert image not in pools.images(VOLUMES_POOL)
    assert f"rbd_id.{image}" not in pools.objects(VOLUMES_POOL)
