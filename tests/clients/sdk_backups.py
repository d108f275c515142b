"""openstacksdk's proxy of the block storage, by those who may."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from conformance.server import job_is_held, lease_was_renewed
from disks import Disks
from openstack import exceptions
from openstack.block_storage.v3.backup import Backup
from team import Person, Team

# How often the SDK asks while it waits.
EVERY = 0.05
DRIVER = "cinder.backup.drivers.ceph.CephBackupDriver"


def made(person: Person, **fields: Any) -> Backup:
    """A backup, once the SDK has seen that it is there."""
    return person.volumes.wait_for_status(person.volumes.create_backup(**fields), "available", ["error"], EVERY, 60)


def test_create_and_get(ours: Team):
    member, volume = ours.member.volumes, ours.tenant.volume()
    full = made(ours.member, volume_id=volume, name="full", description="of it", container="backups",
                metadata={"k": "v"}, availability_zone="nova")
    assert (full.name, full.description, full.container, full.metadata, full.availability_zone, full.size, full.status) == (
        "full", "of it", "backups", {"k": "v"}, "nova", 1, "available")
    assert (full.is_incremental, full.has_dependent_backups, full.snapshot_id, full.fail_reason) == (False, False, None, None)
    assert full.data_timestamp == full.created_at
    assert (full.project_id, full.user_id) == (None, None)
    more = made(ours.member, volume_id=volume, is_incremental=True)
    assert more.is_incremental is True
    assert member.get_backup(full).has_dependent_backups is True
    snapshot = ours.tenant.snapshot(volume)
    ours.tenant.attach(volume)
    assert made(ours.member, volume_id=volume, snapshot_id=snapshot).snapshot_id == snapshot
    with pytest.raises(exceptions.BadRequestException) as refused:
        member.create_backup(volume_id=volume)
    assert refused.value.details == "Invalid volume: Backing up an in-use volume must use the force flag."
    assert made(ours.member, volume_id=volume, force=True).volume_id == volume
    seen = ours.admin.volumes.get_backup(full.id)
    assert (seen.project_id, seen.user_id) == (ours.project, ours.member.login.user_id)


def test_find(ours: Team):
    volume = ours.tenant.volume()
    backup = ours.tenant.backup(volume, name="b")
    reader = ours.reader.volumes
    assert [reader.find_backup(name, ignore_missing=False).id for name in ("b", backup)] == [backup, backup]
    assert reader.find_backup("b", details=False).id == backup
    assert reader.find_backup("nothing") is None
    with pytest.raises(exceptions.NotFoundException, match="^No Backup found for nothing$"):
        reader.find_backup("nothing", ignore_missing=False)
    ours.tenant.backup(volume, name="b")
    with pytest.raises(exceptions.DuplicateResource, match="^More than one Backup exists with the name 'b'.$"):
        reader.find_backup("b")


def test_backups(ours: Team, theirs: Team):
    data, other = ours.tenant.volume(), ours.tenant.volume()
    ours.tenant.backup(data, name="one")
    ours.tenant.backup(data, name="two", incremental=True)
    three = ours.tenant.backup(other, name="three")
    ours.tenant.reset("backup", three, "error")
    theirs.tenant.backup(theirs.tenant.volume(), name="theirs")

    def names(person: Person, **query: Any) -> list[str]:
        return [backup.name for backup in person.volumes.backups(**query)]

    reader = ours.reader
    assert names(reader) == ["three", "two", "one"]
    assert {backup.status for backup in reader.volumes.backups()} == {"available", "error"}
    assert {backup.status for backup in reader.volumes.backups(details=False)} == {None}
    assert names(reader, name="two") == ["two"]
    assert names(reader, status="error") == ["three"]
    assert names(reader, volume_id=data) == ["two", "one"]
    assert names(reader, limit=1) == ["three", "two", "one"]  # page after page
    assert names(reader, limit=1, paginated=False) == ["three"]
    assert names(reader, marker=three) == ["two", "one"]
    assert names(reader, offset=2) == ["one"]
    assert names(reader, sort="name:asc") == ["one", "three", "two"]
    assert names(reader, sort_key="created_at", sort_dir="asc") == ["one", "two", "three"]
    assert names(reader, all_projects=True) == ["three", "two", "one"]
    assert {"one", "theirs"} <= set(names(ours.admin, all_projects=True))
    assert names(ours.admin, all_projects=True, project_id=theirs.project) == ["theirs"]


def test_update(ours: Team):
    backup = ours.tenant.backup(ours.tenant.volume(), name="b", metadata={"a": "1"})
    changed = ours.member.volumes.update_backup(backup, name="c", description="of it", metadata={"b": "2"})
    assert changed.name == "c"
    seen = ours.member.volumes.get_backup(backup)
    assert (seen.name, seen.description, seen.metadata) == ("c", "of it", {"b": "2"})
    ours.member.volumes.update_backup(seen, metadata={})
    assert ours.member.volumes.get_backup(backup).metadata == {}


def test_metadata_of_its_own_has_no_route(ours: Team):
    """The SDK would read and write metadata by routes that volumes have and backups have not. It is told so, each time,
    and nothing is lost. What does it is `update_backup`."""
    backup = ours.tenant.backup(ours.tenant.volume(), metadata={"a": "1", "b": "2"})
    member = ours.member.volumes
    for call in (lambda: member.fetch_backup_metadata(backup),
                 lambda: member.get_backup_metadata(backup),
                 lambda: member.set_backup_metadata(backup, c="3"),
                 lambda: member.delete_backup_metadata(backup, keys=["a"]),
                 lambda: member.delete_backup_metadata(backup)):
        with pytest.raises(exceptions.NotFoundException) as refused:
            call()
        assert f"/backups/{backup}/metadata" in refused.value.url
    assert ours.shown(backup)["metadata"] == {"a": "1", "b": "2"}


def test_restore(ours: Team, disks: Disks):
    member, volume = ours.member.volumes, ours.tenant.volume(name="data")
    first = disks.write(volume)
    full = made(ours.member, volume_id=volume)
    second = disks.write(volume)
    more = made(ours.member, volume_id=volume, is_incremental=True)
    disks.write(volume)
    new = member.restore_backup(full, name="again")
    assert new.volume_name == "again"
    member.wait_for_status(member.get_volume(new.volume_id), "available", ["error_restoring"], EVERY, 60)
    disks.must_hold(new.volume_id, first)
    onto = member.restore_backup(more.id, volume=volume)
    assert (onto.volume_id, onto.volume_name) == (volume, "data")
    member.wait_for_status(member.get_volume(volume), "available", ["error_restoring"], EVERY, 60)
    disks.must_hold(volume, second)
    assert member.get_backup(more.id).status == "available"
    with pytest.raises(exceptions.SDKException, match="^Either of `name` or `volume_id` must be specified.$"):
        member.restore_backup(full)


def test_a_restore_that_is_reset_to_error(ours: Team):
    """An administrator's reset ends the restore: the volume is an error, and the backup has not suffered."""
    backup = ours.tenant.backup(ours.tenant.volume())
    target = ours.tenant.volume()
    with ours.standstill():
        ours.member.volumes.restore_backup(backup, volume=target)
        job_is_held(ours.server, backup)
        ours.admin.volumes.reset_backup_status(backup, "error")
        assert ours.member.volumes.get_backup(backup).status == "error"
        lease_was_renewed(ours.server, backup)
    assert ours.rest.await_error("volume", target)["status"] == "error"
    assert ours.shown(backup)["status"] == "available"


def test_reset_status(ours: Team):
    backup, admin = ours.tenant.backup(ours.tenant.volume()), ours.admin.volumes
    admin.reset_backup_status(backup, "error")
    assert admin.get_backup(backup).status == "error"
    admin.reset_backup(backup, "available")
    assert admin.get_backup(backup).status == "available"
    with pytest.raises(exceptions.BadRequestException) as refused:
        admin.reset_backup_status(backup, "restoring")
    assert refused.value.details == ("Backup status: restoring is invalid, valid statuses are: ['available', 'error'].")


def test_delete(ours: Team):
    member, volume = ours.member.volumes, ours.tenant.volume()
    full = made(ours.member, volume_id=volume)
    more = made(ours.member, volume_id=volume, is_incremental=True)
    with pytest.raises(exceptions.BadRequestException) as refused:
        member.delete_backup(full)
    assert refused.value.details == "Invalid backup: Incremental backups exist for this backup."
    with pytest.raises(exceptions.HttpException) as refused:
        ours.admin.volumes.delete_backup(more, force=True)
    assert (refused.value.status_code, refused.value.details) == (405, "Operation not supported: force delete.")
    for backup in (more, full):
        member.delete_backup(backup, ignore_missing=False)
        member.wait_for_delete(backup, EVERY, 60)
    member.delete_backup(full)  # what is gone may go again
    with pytest.raises(exceptions.NotFoundException) as refused:
        member.delete_backup(full, ignore_missing=False)
    assert refused.value.details == f"Backup {full.id} could not be found."
    assert ours.rest.quota_in_use()["backups"] == 0


def test_export(ours: Team):
    backup = ours.tenant.backup(ours.tenant.volume(), name="b")
    record = ours.admin.volumes.export_backup(backup)["backup-record"]
    assert record["backup_service"] == DRIVER
    assert json.loads(base64.b64decode(record["backup_url"]))["display_name"] == "b"
    assert ours.admin.volumes.export_record(backup).json()["backup-record"] == record


def test_import_loses_the_record(ours: Team):
    """`import_backup` puts the path that it posts to, which is the wrong one besides, over the record that it was
    given: so it can not work with any server."""
    backup, admin = ours.tenant.backup(ours.tenant.volume()), ours.admin.volumes
    record = admin.export_backup(backup)["backup-record"]
    ours.rest.delete(f"/backups/{backup}")
    ours.rest.await_gone("backup", backup)
    before = ours.state()
    with pytest.raises(exceptions.BadRequestException) as refused:
        admin.import_backup(record["backup_service"], record["backup_url"])
    sent = json.loads(refused.value.response.request.body)["backup-record"]
    assert sent == {"backup_service": DRIVER, "backup_url": "backups/export_record"}
    assert refused.value.details == "Invalid input received: Can't parse backup record."
    assert ours.state() == before
