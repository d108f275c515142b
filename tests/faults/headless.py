"""The header of an image that is written is gone: librbd waits for it for ever, and whoever cancels does not."""

from __future__ import annotations

import pytest
from conformance.server import Server
from conformance.tenant import Tenant
from pools import BACKUPS_POOL, Pools
from takeover.disks import KEEPING, expected, fill, seen, stray_data
from takeover.workers import copying
from waiting import until

from .cancel import cancel, of_backup
from .jobs import ended


@pytest.fixture
def brief(start) -> Server:
    """The job is left to whoever comes when its lease has run out."""
    return start("faults_headless", "serve", worker=KEEPING | {"lease_seconds": 3, "heartbeat_seconds": 1})


def behead(pools: Pools, backup: str) -> str:
    """Returns the id of the image, by which its objects are named."""
    (base,) = {name for name in pools.images(BACKUPS_POOL) if f"backup.{backup}" in name}
    with pools.open(BACKUPS_POOL, base) as opened:
        identifier = opened.id()
    pools.io[BACKUPS_POOL].remove_object(f"rbd_header.{identifier}")
    return identifier


def test_a_backup_is_cancelled(brief, pools):
    tenant = Tenant(brief, brief.client())
    volume = tenant.volume()
    content = fill(pools, volume)
    other = tenant.backup(volume)
    backup = tenant.begin(volume)
    copying(brief, backup)
    identifier = behead(pools, backup)
    until(lambda: "the job does not come on" in brief.log("serve").read_text(), bool, "librbd to miss the header")
    cancel(tenant, backup)
    # as long as an image may be silent, and a lease
    assert ended(tenant, backup)["attempt"] == 2
    shown = tenant.api.get(f"/backups/{backup}").expect(200)["backup"]
    assert (shown["status"], shown["fail_reason"]) == ("error", "cancelled by user admin")
    assert tenant.api.get(f"/volumes/{volume}").expect(200)["volume"]["status"] == "available"
    assert of_backup(pools, backup) == []
    # what no image has any more, rbd can not find: this is an operator's (docs/operating.md)
    for name in [one for one in pools.objects(BACKUPS_POOL) if identifier in one]:
        pools.io[BACKUPS_POOL].remove_object(name)
    # the worker goes on, over new connections
    last = tenant.backup(volume, incremental=True)
    assert seen(pools, volume) == expected(volume, content, {other: content, last: content})
    assert stray_data(pools) == []
