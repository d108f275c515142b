"""G. Restore."""

from __future__ import annotations

import uuid

import pytest

from .h_records import encoded, record, take
from .rows import DRIVER, Rows
from .server import BACKUPS_POOL, Paused, job_is_held, lease_was_renewed
from waiting import until
from .wire import Answer, Client

AUTO_CREATED = "auto-created_from_restore_from_backup"


def restore(api: Client, backup: str, **fields) -> Answer:
    return api.post(f"/backups/{backup}/restore", {"restore": fields})


def lose_base(pools, volume: str, backup: str) -> None:
    """The backup's image is gone."""
    base = f"volume-{volume}.backup.{backup}"
    with pools.open(BACKUPS_POOL, base, writable=True) as image:
        for snapshot in pools.snapshots(BACKUPS_POOL, base):
            image.remove_snap(snapshot)
    pools.rbd.RBD().remove(pools.io[BACKUPS_POOL], base)


def test_139_onto_a_volume(api, rows):
    volume, backup = rows.volume(size_gib=5, name="target"), rows.backup()
    assert restore(api, backup, volume_id=volume).expect(202) == {
        "restore": {"backup_id": backup, "volume_id": volume, "volume_name": "target"}}
    assert (api.status("volume", volume), api.status("backup", backup)) == ("restoring-backup", "restoring")


def test_140_onto_a_volume_with_a_name(tenant):
    source = tenant.volume(name="source")
    backup, target = tenant.backup(source), tenant.volume(name="target")
    made = tenant.restore(backup, volume_id=target, name="other")
    assert made["volume_name"] == "target"
    assert tenant.api.show("volume", target)["name"] == "target"


def test_141_onto_a_new_volume(tenant):
    volume = tenant.volume(size=2, name="data", description="what it is")
    backup = tenant.backup(volume)
    made = tenant.restore(backup)
    assert made == {"backup_id": backup, "volume_id": made["volume_id"], "volume_name": f"restore_backup_{backup}"}
    seen = tenant.api.show("volume", made["volume_id"])
    assert (seen["size"], seen["name"], seen["description"]) == (2, "data", "what it is")
    # Without a name of the source nothing is changed.
    nameless = tenant.backup(tenant.volume())
    seen = tenant.api.show("volume", tenant.restore(nameless)["volume_id"])
    assert (seen["name"], seen["description"]) == (f"restore_backup_{nameless}", AUTO_CREATED)


def test_142_onto_a_new_volume_of_that_name(tenant):
    made = tenant.restore(tenant.backup(tenant.volume(name="data")), name="vol-01")
    assert made["volume_name"] == "vol-01"
    seen = tenant.api.show("volume", made["volume_id"])
    assert (seen["name"], seen["description"]) == ("vol-01", AUTO_CREATED)


def test_143_a_name_of_null(api, rows):
    volume = rows.volume()
    assert restore(api, rows.backup(), volume_id=volume, name=None).expect(202)["restore"]["volume_id"] == volume


def test_144_bodies_that_are_none(api, rows):
    backup = rows.backup()
    api.post(f"/backups/{backup}/restore", None).bad_request("None is not of type 'object'")
    restore(api, backup, **{"": ""}).bad_request(
        "Invalid input for field/attribute restore. Value: {'': ''}. "
        "Additional properties are not allowed ('' was unexpected)")
    assert api.status("backup", backup) == "available"


def test_145_onto_a_smaller_volume(api, rows):
    restore(api, rows.backup(size_gib=10), volume_id=rows.volume(size_gib=5)).bad_request(
        "Invalid volume: volume size 5 is too small to restore backup of size 10.")


def test_146_onto_a_larger_volume(api, rows):
    restore(api, rows.backup(size_gib=10), volume_id=rows.volume(size_gib=15)).expect(202)


@pytest.mark.parametrize("status", ["attaching", "in-use"])
def test_147_onto_a_volume_that_is_not_available(api, rows, status):
    volume = rows.volume(status=status)
    restore(api, rows.backup(), volume_id=volume).bad_request(
        "Invalid volume: Volume to be restored to must be available")
    assert api.status("volume", volume) == status


def test_148_of_a_backup_that_is_not_available(api, rows):
    restore(api, rows.backup(status="restoring"), volume_id=rows.volume()).bad_request(
        "Invalid backup: Backup status must be available")


def test_149_of_what_is_not_there(api, rows):
    nobody, volume = str(uuid.uuid4()), rows.volume()
    restore(api, nobody, volume_id=volume).not_found(f"Backup {nobody} could not be found.")
    restore(api, rows.backup(), volume_id=nobody).not_found(f"Volume {nobody} could not be found.")


def test_150_too_many_gigabytes(api, rows):
    rows.quota(gigabytes=3)
    rows.volume(size_gib=2)
    backup = rows.backup(size_gib=2)
    restore(api, backup).over_limit("Requested volume or snapshot exceeds allowed gigabytes quota. "
                                    "Requested 2G, quota is 3G and 2G has been consumed.")
    assert api.status("backup", backup) == "available"


def test_151_too_many_volumes(api, rows):
    rows.quota(volumes=1)
    rows.volume()
    restore(api, rows.backup()).over_limit("Maximum number of volumes allowed (1) exceeded for quota 'volumes'.")


def test_152_the_driver_fails(tenant, pools):
    volume = tenant.volume()
    backup, target = tenant.backup(volume), tenant.volume()
    lose_base(pools, volume, backup)
    restore(tenant.api, backup, volume_id=target).expect(202)
    tenant.await_status("volume", target, "error_restoring")
    assert tenant.api.status("backup", backup) == "available"
    (message,) = tenant.messages(backup)
    assert message["event_id"] == "VOLUME_VOLUME_BACKUP_015_026"
    assert message["user_message"] == "restore backup:Backup driver failed to restore backup."


def ended(tenant, volume: str) -> str | None:
    """The volume's status once its restore is over."""
    return until(lambda: tenant.api.status("volume", volume), lambda status: status != "restoring-backup",
                 "the restore's end")


@pytest.mark.parametrize("status", ["available", "error"])
def test_153_a_restore_that_is_cancelled(tenant, status):
    """A reset of the backup is what cancels its restore; whatever it was set to, the backup has not suffered."""
    backup, target = tenant.backup(tenant.volume()), tenant.volume()
    with Paused(tenant.server.lab):
        restore(tenant.api, backup, volume_id=target).expect(202)
        job_is_held(tenant.server, backup)
        tenant.api.action("backup", backup, "os-reset_status", {"status": status}).empty(202)
        lease_was_renewed(tenant.server, backup)
        assert tenant.api.status("backup", backup) == status
    assert (ended(tenant, target), tenant.api.status("backup", backup)) == ("error", "available")


def test_another_restore_while_a_cancelled_one_ends(tenant):
    """The end of the one is not taken for the end of the other."""
    backup, first, second = tenant.backup(tenant.volume()), tenant.volume(), tenant.volume()
    with Paused(tenant.server.lab):
        restore(tenant.api, backup, volume_id=first).expect(202)
        job_is_held(tenant.server, backup)
        tenant.api.action("backup", backup, "os-reset_status", {"status": "available"}).empty(202)
        restore(tenant.api, backup, volume_id=second).expect(202)
    assert (ended(tenant, first), ended(tenant, second)) == ("error", "available")
    assert tenant.api.status("backup", backup) == "available"


@pytest.mark.parametrize("fields", [{"name": "new"}, {"volume_id": "existing"}])
def test_of_another_drivers(tenant, fields):
    other = "cinder.backup.drivers.nfs.NFSBackupDriver"
    backup, existing = tenant.backup(tenant.volume()), tenant.volume()
    tenant.rows.set("backups", backup, service=other)
    fields = {key: existing if value == "existing" else value for key, value in fields.items()}
    target = restore(tenant.api, backup, **fields).expect(202)["restore"]["volume_id"]
    assert (ended(tenant, target), tenant.api.status("backup", backup)) == ("error", "available")
    # Neither is it ours to delete.
    tenant.api.delete(f"/backups/{backup}").empty(202)
    seen = until(lambda: tenant.api.show("backup", backup), lambda seen: seen["status"] != "deleting", "the delete's end")
    assert (seen["status"], seen["fail_reason"]) == (
        "error", f"Delete backup aborted, the backup service currently configured [{DRIVER}] is not the backup service "
                 f"that was used to create this backup [{other}].")


def test_of_a_record_of_another_drivers(tenant):
    """An import makes the backup ours, whoever the record says has made it; its bytes are not there."""
    made = record(service="cinder.backup.drivers.nfs.NFSBackupDriver", size=1)
    take(tenant.api, encoded(made), service="").expect(201)
    tenant.await_status("backup", made["id"], "available")
    assert tenant.rows.get("backups", made["id"])["service"] == DRIVER
    target = tenant.volume()
    restore(tenant.api, made["id"], volume_id=target).expect(202)
    assert (ended(tenant, target), tenant.api.status("backup", made["id"])) == ("error_restoring", "available")


def test_154_what_the_volume_says_of_its_origin(tenant):
    volume = tenant.volume(metadata={"k": "v"})
    backup = tenant.backup(volume)
    other = tenant.volume()
    tenant.restore(backup, volume_id=other)
    assert tenant.api.show("volume", other)["metadata"]["src_backup_id"] == backup
    tenant.restore(backup, volume_id=volume)
    assert tenant.api.show("volume", volume)["metadata"] == {"k": "v"}


def test_155_no_usable_service(alone):
    api = alone.client()
    rows = Rows(alone, api.project)
    backup, volume = rows.backup(), rows.volume()
    restore(api, backup, volume_id=volume).not_found("Service cinder-backup could not be found.")
    assert (api.status("volume", volume), api.status("backup", backup)) == ("available", "available")
