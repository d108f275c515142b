"""The cluster is full: what needs space fails with a reason, and nothing of it is left; what makes space works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from space import fill_up, is_full, make_room
from takeover.disks import change, expected, fill, seen, stray_data
from waiting import until

from .cancel import of_backup

@contextmanager
def full(cluster) -> Iterator[None]:
    """Whatever the OSD holds is too much inside of this."""
    fill_up(cluster)
    try:
        until(lambda: is_full(cluster), bool, "the cluster to be full")
        yield
    finally:
        make_room(cluster)
        until(lambda: is_full(cluster), lambda seen: not seen, "the cluster to have room")


def test_the_cluster_is_full(tenant, pools, cluster):
    kept_volume, volume = tenant.volume(), tenant.volume()
    kept_content, content = fill(pools, kept_volume), fill(pools, volume)
    kept, old, oldest = tenant.backup(kept_volume), tenant.backup(volume), tenant.backup(volume)
    # librbd removes by way of the pool's trash, which a pool has from its first removal on
    tenant.api.delete(f"/backups/{oldest}").empty(202)
    tenant.await_gone("backup", oldest)
    content = change(pools, volume, content, range(0, 900 << 20, 90 << 20))
    with full(cluster):
        for fields in ({}, {"incremental": True}):
            backup = tenant.begin(volume, **fields)
            failed = until(lambda backup=backup: tenant.api.get(f"/backups/{backup}").expect(200)["backup"],
                           lambda shown: shown["status"] != "creating", "the backup to fail")
            assert (failed["status"], "full" in failed["fail_reason"]) == ("error", True), failed
            assert tenant.api.get(f"/volumes/{volume}").expect(200)["volume"]["status"] == "available"
            assert of_backup(pools, backup) == []
            tenant.api.delete(f"/backups/{backup}").empty(202)
            tenant.await_gone("backup", backup)
        # space can be made
        tenant.api.delete(f"/backups/{old}").empty(202)
        tenant.await_gone("backup", old)
        assert of_backup(pools, old) == []
    again = tenant.backup(volume)
    assert seen(pools, volume) == expected(volume, content, {again: content})
    assert seen(pools, kept_volume) == expected(kept_volume, kept_content, {kept: kept_content})
    assert stray_data(pools) == []
