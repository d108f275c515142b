"""The commands that people type: each must work against us as against Cinder, and mean what it says."""

from __future__ import annotations

import json

from conftest import Command
from tenant import Tenant


def shown(openstack: Command, *arguments: str) -> dict:
    return json.loads(openstack(*arguments, "-f", "json"))


def test_openstack_volumes_and_snapshots(openstack: Command, tenant: Tenant):
    volume = shown(openstack, "volume", "create", "--size", "1", "--description", "of a test", "data")
    tenant.rest.await_status("volume", volume["id"], "available")
    openstack("volume", "set", "--name", "renamed", "--property", "colour=blue", "data")
    seen = shown(openstack, "volume", "show", "renamed")
    assert (seen["id"], seen["size"], seen["properties"]) == (volume["id"], 1, {"colour": "blue"})
    openstack("volume", "unset", "--property", "colour", "renamed")
    assert shown(openstack, "volume", "show", volume["id"])["properties"] == {}
    openstack("volume", "set", "--size", "2", "renamed")
    tenant.rest.await_status("volume", volume["id"], "available")
    assert [(row["Name"], row["Size"]) for row in shown(openstack, "volume", "list", "--long")] == [("renamed", 2)]

    snapshot = shown(openstack, "volume", "snapshot", "create", "--volume", "renamed", "point")
    tenant.rest.await_status("snapshot", snapshot["id"], "available")
    openstack("volume", "snapshot", "set", "--name", "moment", "point")
    assert shown(openstack, "volume", "snapshot", "show", "moment")["volume_id"] == volume["id"]
    assert [row["Name"] for row in shown(openstack, "volume", "snapshot", "list")] == ["moment"]
    clone = shown(openstack, "volume", "create", "--snapshot", "moment", "clone")
    tenant.rest.await_status("volume", clone["id"], "available")
    copy = shown(openstack, "volume", "create", "--source", "renamed", "copy")
    tenant.rest.await_status("volume", copy["id"], "available")
    openstack("volume", "delete", "clone", "copy")
    for made in (clone, copy):
        tenant.rest.await_gone("volume", made["id"])
    openstack("volume", "snapshot", "delete", "moment")
    tenant.rest.await_gone("snapshot", snapshot["id"])


def test_openstack_backups(openstack: Command, tenant: Tenant):
    volume = tenant.volume(name="data")
    full = shown(openstack, "volume", "backup", "create", "--name", "full", "--description", "the first", "data")
    tenant.rest.await_status("backup", full["id"], "available")
    more = shown(openstack, "volume", "backup", "create", "--name", "more", "--incremental", "data")
    tenant.rest.await_status("backup", more["id"], "available")
    openstack("--os-volume-api-version", "3.64", "volume", "backup", "set", "--name", "all", "--property", "kind=full", "full")
    seen = shown(openstack, "--os-volume-api-version", "3.64", "volume", "backup", "show", "all")
    assert (seen["id"], seen["status"], seen["volume_id"], seen["size"]) == (full["id"], "available", volume, 1)
    listed = shown(openstack, "volume", "backup", "list", "--long", "--volume", "data")
    assert {row["Name"]: row["Status"] for row in listed} == {"all": "available", "more": "available"}

    snapshot = tenant.snapshot(volume)
    of_snapshot = shown(openstack, "volume", "backup", "create", "--name", "still", "--snapshot", snapshot, "data")
    tenant.rest.await_status("backup", of_snapshot["id"], "available")
    restored = shown(openstack, "volume", "backup", "restore", "still", "again")
    tenant.rest.await_status("volume", restored["volume_id"], "available")
    assert shown(openstack, "volume", "show", "again")["id"] == restored["volume_id"]

    record = shown(openstack, "volume", "backup", "record", "export", "still")
    openstack("volume", "backup", "set", "--state", "error", "still")
    tenant.rest.await_status("backup", of_snapshot["id"], "error")
    openstack("volume", "backup", "delete", "more")
    tenant.rest.await_gone("backup", more["id"])
    openstack("volume", "backup", "delete", "all")
    tenant.rest.await_gone("backup", full["id"])
    assert record["backup_service"] == "cinder.backup.drivers.ceph.CephBackupDriver"
    assert [row["Name"] for row in shown(openstack, "volume", "backup", "list")] == ["still"]


def test_records(openstack: Command, cinder: Command, tenant: Tenant):
    """Imported with cinder: the openstack command of today sends the address it posts to instead of the record."""
    backup = tenant.backup(tenant.volume())
    record = shown(openstack, "volume", "backup", "record", "export", backup)
    tenant.rest.delete(f"/backups/{backup}")
    tenant.rest.await_gone("backup", backup)
    assert backup in cinder("backup-import", record["backup_service"], record["backup_url"])
    tenant.rest.await_status("backup", backup, "available")
    # The record is back, its bytes are not: a restore must say so instead of inventing some.
    restored = tenant.rest.post(f"/backups/{backup}/restore", {"restore": {}})["restore"]["volume_id"]
    assert tenant.rest.await_error("volume", restored)["status"] == "error_restoring"


def test_openstack_surroundings(openstack: Command, tenant: Tenant):
    tenant.volume()
    assert "cinder-backup" in {row["Binary"] for row in shown(openstack, "volume", "service", "list")}
    assert shown(openstack, "volume", "type", "list")
    assert shown(openstack, "availability", "zone", "list", "--volume")
    limits = {row["Name"]: row["Value"] for row in shown(openstack, "limits", "show", "--absolute")}
    assert limits["total_volumes_used"] == 1


def test_cinder_backups(cinder: Command, tenant: Tenant):
    volume = tenant.volume(name="data")
    cinder("backup-create", "--name", "full", "data")
    (full,) = tenant.rest.get("/backups")["backups"]
    tenant.rest.await_status("backup", full["id"], "available")
    cinder("backup-create", "--name", "more", "--incremental", "data")
    more = next(one for one in tenant.rest.get("/backups")["backups"] if one["name"] == "more")
    tenant.rest.await_status("backup", more["id"], "available")
    assert "more" in cinder("backup-list", "--volume-id", volume)
    assert full["id"] in cinder("backup-show", "full")
    cinder("--os-volume-api-version", "3.64", "backup-update", "--name", "all", "full")
    assert tenant.rest.show("backup", full["id"])["name"] == "all"
    cinder("backup-restore", "--name", "again", "all")
    again = next(one for one in tenant.rest.get("/volumes")["volumes"] if one["name"] == "again")
    tenant.rest.await_status("volume", again["id"], "available")
    tenant.rest.await_status("backup", full["id"], "available")
    cinder("backup-restore", "--volume", "data", "more")
    tenant.rest.await_status("volume", volume, "available")
    tenant.rest.await_status("backup", more["id"], "available")
    assert "backup_url" in cinder("backup-export", full["id"])
    cinder("backup-reset-state", "--state", "error", "more")
    tenant.rest.await_status("backup", more["id"], "error")
    cinder("backup-delete", "more")
    tenant.rest.await_gone("backup", more["id"])


def test_cinder_surroundings(cinder: Command, tenant: Tenant):
    volume = tenant.volume(name="data")
    assert volume in cinder("list")
    assert volume in cinder("show", "data")
    cinder("snapshot-create", "--name", "point", "data")
    (snapshot,) = tenant.rest.get("/snapshots")["snapshots"]
    tenant.rest.await_status("snapshot", snapshot["id"], "available")
    assert "point" in cinder("snapshot-list")
    assert "backup_gigabytes" in cinder("quota-usage", tenant.project)
    assert "maxTotalBackups" in cinder("absolute-limits")
    assert "cinder-backup" in cinder("service-list")
    assert "nova" in cinder("availability-zone-list")
    assert "backups" in cinder("list-extensions").lower()
