"""openstacksdk's cloud layer, which waits by itself: every two seconds, so few of these wait."""

from __future__ import annotations

import pytest
from disks import Disks
from openstack import exceptions
from sdk_backups import DRIVER
from team import Team


def test_create_wait_and_delete(ours: Team, disks: Disks):
    volume = ours.tenant.volume()
    content = disks.write(volume)
    cloud = ours.member.cloud
    full = cloud.create_volume_backup(volume, name="full", description="of it", timeout=60)
    assert (full.status, full.name, full.description, full.is_incremental) == ("available", "full", "of it", False)
    snapshot = ours.tenant.snapshot(volume)
    still = cloud.create_volume_backup(volume, wait=False, snapshot_id=snapshot)
    ours.rest.await_status("backup", still.id, "available")
    ours.tenant.attach(volume)
    with pytest.raises(exceptions.BadRequestException):
        cloud.create_volume_backup(volume, wait=False)
    more = cloud.create_volume_backup(volume, wait=False, incremental=True, force=True)
    ours.rest.await_status("backup", more.id, "available")
    assert ours.shown(more.id)["is_incremental"] is True

    restored = ours.member.volumes.restore_backup(more.id, name="again")
    ours.rest.await_status("volume", restored.volume_id, "available")
    disks.must_hold(restored.volume_id, content)

    assert cloud.delete_volume_backup(more.id, wait=True, timeout=60) is True
    assert cloud.get_volume_backup(more.id) is None
    assert cloud.delete_volume_backup("full") is True
    ours.rest.await_gone("backup", full.id)
    assert cloud.delete_volume_backup("nothing") is False
    assert cloud.delete_volume_backup() is False
    with pytest.raises(exceptions.HttpException) as refused:
        ours.admin.cloud.delete_volume_backup(still.id, force=True)
    assert (refused.value.status_code, refused.value.details) == (405, "Operation not supported: force delete.")


def test_get_list_and_search(ours: Team, theirs: Team):
    volume = ours.tenant.volume()
    one = ours.tenant.backup(volume, name="one")
    two = ours.tenant.backup(volume, name="two")
    theirs.tenant.backup(theirs.tenant.volume(), name="theirs")
    cloud = ours.reader.cloud
    assert [cloud.get_volume_backup(name).id for name in ("one", two)] == [one, two]
    assert cloud.get_volume_backup("nothing") is None
    assert cloud.get_volume_backup("one", {"status": "available"}).id == one
    assert [backup.name for backup in cloud.list_volume_backups()] == ["two", "one"]
    assert [backup.status for backup in cloud.list_volume_backups(detailed=False)] == [None, None]
    assert [backup.name for backup in cloud.list_volume_backups(filters={"name": "one"})] == ["one"]
    assert [backup.id for backup in cloud.search_volume_backups("two")] == [two]
    assert {backup.id for backup in cloud.search_volume_backups(filters={"volume_id": volume})} == {one, two}
    assert cloud.search_volume_backups("theirs") == []
    # The SDK's name for this query is another; the server's own goes through as it is.
    listed = ours.admin.cloud.list_volume_backups(filters={"all_tenants": 1, "project_id": theirs.project})
    assert [backup.name for backup in listed] == ["theirs"]


def test_export(ours: Team):
    backup = ours.tenant.backup(ours.tenant.volume())
    answer = ours.admin.cloud.export_volume_backup(backup)
    assert answer.json()["backup-record"]["backup_service"] == DRIVER
