"""Somebody else's client keeps an image's lock for itself: it is waited for, and named where it keeps it for too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from conformance.tenant import Tenant
from content import Content, read_image
from pools import BACKUPS_POOL, VOLUMES_POOL, Pools
from takeover.disks import change, digest, image_of
from waiting import until

from .jobs import job
from .osd import said

WAITS = "somebody keeps the image's lock; trying again"
# Far longer than the two minutes after which it is given up.
IN_VAIN = 240.0
GIB = 1 << 30


@contextmanager
def kept(pools: Pools, pool: str, image: str) -> Iterator[str]:
    """An image's lock is a client's that gives it to nobody; its address."""
    with pools.open(pool, image, writable=True) as opened:
        opened.lock_acquire(pools.rbd.RBD_LOCK_MODE_EXCLUSIVE)
        with pools.open(pool, image) as looked_at:  # a handle knows what was so when it was opened
            ((_, _, address),) = looked_at.list_lockers()["lockers"]
        yield address


def chain(tenant: Tenant, pools: Pools) -> tuple[str, str, Content]:
    """A volume with a little in it, its backup, and what both hold."""
    volume = tenant.volume()
    content = change(pools, volume, Content(GIB), range(0, 64 << 20, 16 << 20))
    return volume, tenant.backup(volume), content


def base(volume: str, backup: str) -> str:
    return f"{image_of(volume)}.backup.{backup}"


def held_by(pools: Pools, pool: str, image: str) -> str:
    with pools.open(pool, image) as opened:
        return digest(read_image(opened))


def test_a_lock_that_is_given_back_is_waited_for(tenant, pools):
    volume, full, content = chain(tenant, pools)
    began = len(said(tenant.server, 0))
    content = change(pools, volume, content, range(1 << 20, 64 << 20, 20 << 20))
    with kept(pools, BACKUPS_POOL, base(volume, full)) as address:
        increment = tenant.begin(volume, incremental=True)
        text = until(lambda: said(tenant.server, began), lambda text: text.count(WAITS) > 1, "the log to tell")
        assert address in text and job(tenant, increment)["state"] == "running"
    tenant.await_status("backup", increment, "available")
    with kept(pools, VOLUMES_POOL, image_of(volume)):
        began = len(said(tenant.server, 0))
        tenant.api.post(f"/backups/{increment}/restore", {"restore": {"volume_id": volume}}).expect(202)
        until(lambda: said(tenant.server, began), lambda text: WAITS in text, "the log to tell")
    tenant.await_status("volume", volume, "available")
    for pool, image in ((BACKUPS_POOL, base(volume, full)), (VOLUMES_POOL, image_of(volume))):
        assert held_by(pools, pool, image) == digest(content.pieces), image


def test_a_lock_that_is_kept_is_named(tenant, pools):
    (grown, full, _), (target, source, content), (volume, last, _) = (chain(tenant, pools) for _ in range(3))
    with (kept(pools, BACKUPS_POOL, base(grown, full)) as first, kept(pools, VOLUMES_POOL, image_of(target)) as second,
          kept(pools, BACKUPS_POOL, base(volume, last)) as third):
        increment = tenant.begin(grown, incremental=True)
        tenant.api.post(f"/backups/{source}/restore", {"restore": {"volume_id": target}}).expect(202)
        tenant.api.delete(f"/backups/{last}").empty(202)
        for backup, address, image, again in ((increment, first, base(grown, full), "create the backup again"),
                                              (source, second, image_of(target), "restore it again"),
                                              (last, third, base(volume, last), "delete the backup again")):
            failed = until(lambda backup=backup: job(tenant, backup), lambda seen: seen["state"] == "failed",
                           "the job to be given up", IN_VAIN)
            for part in (f"{image} is locked by {address}", f"ceph osd blocklist add {address}", again):
                assert part in failed["error"], failed
        for backup, status in ((increment, "error"), (source, "available"), (last, "error")):
            shown = tenant.api.get(f"/backups/{backup}").expect(200)["backup"]
            assert shown["status"] == status, shown
        assert tenant.api.get(f"/volumes/{target}").expect(200)["volume"]["status"] == "error_restoring"
        assert tenant.api.get(f"/volumes/{grown}").expect(200)["volume"]["status"] == "available"
    # with the lock free all goes as if nothing had been
    tenant.api.delete(f"/backups/{last}").empty(202)
    tenant.await_gone("backup", last)
    assert not [image for image in pools.images(BACKUPS_POOL) if volume in image]
    tenant.api.action("volume", target, "os-reset_status", {"status": "available"}).expect(202)
    tenant.restore(source, volume_id=target)
    assert held_by(pools, VOLUMES_POOL, image_of(target)) == digest(content.pieces)
    tenant.backup(grown, incremental=True)
