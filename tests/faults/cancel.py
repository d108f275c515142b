"""What is cancelled stops at once, and is cleaned up. (`make bench` tells how long that takes.)"""

from __future__ import annotations

import subprocess

import pytest
from pools import BACKUPS_POOL, VOLUMES_POOL, Pools
from service import binary
from takeover.disks import FILLED, change, expected, fill, seen, stray_data
from takeover.workers import copying

from conformance.tenant import Tenant

from .jobs import ended


def cancel(tenant: Tenant, backup: str) -> None:
    tenant.api.post(f"/cindervault/backups/{backup}/cancel").empty(202)


def stopped(tenant: Tenant, backup: str) -> bool:
    """Whether the copy that the job was at was not carried to its end."""
    return ended(tenant, backup)["bytes_copied"] < FILLED


def of_backup(pools: Pools, backup: str) -> list[str]:
    """All that is on Ceph of one backup."""
    found = [f"{BACKUPS_POOL}/{name}" for name in pools.objects(BACKUPS_POOL) if f"backup.{backup}." in name]
    for pool in (VOLUMES_POOL, BACKUPS_POOL):
        for image in pools.images(pool):
            found += [f"{pool}/{image}"] if backup in image else []
            found += [f"{pool}/{image}@{snapshot}" for snapshot in pools.snapshots(pool, image) if backup in snapshot]
    return found


def messages(tenant: Tenant, resource: str) -> list[str]:
    listed = tenant.api.at("3.3").get("/messages").expect(200)["messages"]
    return [message["user_message"] for message in listed if message.get("resource_uuid") == resource]


def test_a_full_backup(tenant, pools):
    volume = tenant.volume()
    fill(pools, volume)
    backup = tenant.begin(volume)
    copying(tenant.server, backup)
    cancel(tenant, backup)
    assert stopped(tenant, backup)
    shown = tenant.api.get(f"/backups/{backup}").expect(200)["backup"]
    assert (shown["status"], shown["fail_reason"]) == ("error", "cancelled by user admin")
    assert tenant.api.get(f"/volumes/{volume}").expect(200)["volume"]["status"] == "available"
    assert of_backup(pools, backup) == []
    assert stray_data(pools) == []
    assert messages(tenant, backup) == ["create backup:The operation was cancelled."]
    usage = tenant.api.get(f"/os-quota-sets/{tenant.project}?usage=true").expect(200)["quota_set"]
    assert (usage["backups"]["in_use"], usage["backup_gigabytes"]["in_use"]) == (1, 1)  # an error counts, as in Cinder
    tenant.api.post(f"/cindervault/backups/{backup}/cancel").bad_request(
        "Invalid backup: Backup status must be creating or restoring")
    tenant.api.delete(f"/backups/{backup}").empty(202)
    tenant.await_gone("backup", backup)


def test_an_increment(tenant, pools):
    """The chain stays as it is, and goes on."""
    volume = tenant.volume()
    first = fill(pools, volume)
    full = tenant.backup(volume)
    second = fill(pools, volume)
    increment = tenant.begin(volume, incremental=True)
    copying(tenant.server, increment)
    cancel(tenant, increment)
    assert stopped(tenant, increment)
    assert of_backup(pools, increment) == []
    third = change(pools, volume, second, range(0, 500 << 20, 100 << 20))
    last = tenant.backup(volume, incremental=True)
    assert seen(pools, volume) == expected(volume, third, {full: first, last: third})


def reset(tenant: Tenant, volume: str) -> None:
    """Makes nothing usable that is still written to."""
    tenant.api.action("volume", volume, "os-reset_status", {"status": "available"}).expect(202)
    assert tenant.api.status("volume", volume) in ("restoring-backup", "error_restoring")


@pytest.mark.parametrize("by_a_reset", [False, True])
def test_a_restore(tenant, pools, by_a_reset):
    volume = tenant.volume()
    content = fill(pools, volume)
    backup = tenant.backup(volume)
    target = tenant.volume()
    tenant.api.post(f"/backups/{backup}/restore", {"restore": {"volume_id": target}}).expect(202)
    copying(tenant.server, backup)
    if by_a_reset:
        reset(tenant, target)
    else:
        cancel(tenant, backup)
    assert stopped(tenant, backup)
    assert tenant.api.get(f"/backups/{backup}").expect(200)["backup"]["status"] == "available"
    assert tenant.api.get(f"/volumes/{target}").expect(200)["volume"]["status"] == "error_restoring"
    assert messages(tenant, backup) == ["restore backup:The operation was cancelled."]
    tenant.api.action("volume", target, "os-reset_status", {"status": "available"}).expect(202)
    tenant.restore(backup, volume_id=target)
    assert seen(pools, target) == expected(target, content, {})


def test_a_backup_that_is_being_made_is_deleted_by_force(tenant, pools):
    volume = tenant.volume()
    fill(pools, volume)
    backup = tenant.begin(volume)
    copying(tenant.server, backup)
    tenant.api.delete(f"/backups/{backup}").bad_request(
        "Invalid backup: Backup status must be available or error")
    tenant.api.action("backup", backup, "os-force_delete", {}).empty(202)
    tenant.await_gone("backup", backup)
    assert tenant.api.get(f"/volumes/{volume}").expect(200)["volume"]["status"] == "available"
    assert of_backup(pools, backup) == []
    assert stray_data(pools) == []


def test_by_the_command(tenant, pools):
    volume = tenant.volume()
    fill(pools, volume)
    backup = tenant.begin(volume)
    copying(tenant.server, backup)
    command = [str(binary()), "--config", str(tenant.server.conf), "cancel", backup]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert backup in done.stdout and "cancelled" in done.stdout, done.stdout
    shown = tenant.api.get(f"/backups/{backup}").expect(200)["backup"]
    assert (shown["status"], shown["fail_reason"]) == ("error", "cancelled by the operator")
    assert of_backup(pools, backup) == []
    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (again.returncode, "error" in again.stderr) == (1, True), again.stderr
