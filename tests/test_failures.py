"""What goes wrong after the answer: the backup says why, the volume is as before, nothing is left behind."""

from __future__ import annotations

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
