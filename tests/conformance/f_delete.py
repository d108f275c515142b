"""F. Delete and force delete."""

from __future__ import annotations

import uuid

import pytest

from .rows import Rows
from .server import BACKUPS_POOL, VOLUMES_POOL

DEPENDENTS = "Invalid backup: Incremental backups exist for this backup."
NO_FORCE = "Operation not supported: force delete."


def test_123_an_available_one(api, rows):
    backup = rows.backup()
    api.delete(f"/backups/{backup}").empty(202)
    assert api.status("backup", backup) == "deleting"


def test_124_one_in_error(api, rows):
    backup = rows.backup(status="error")
    api.delete(f"/backups/{backup}").empty(202)
    assert api.status("backup", backup) == "deleting"


def test_125_the_end_of_a_chain(api, rows):
    full, leaf = rows.chain(2)
    api.delete(f"/backups/{leaf}").empty(202)
    assert (api.status("backup", full), api.status("backup", leaf)) == ("available", "deleting")


@pytest.mark.parametrize("status", ["creating", "restoring", "deleting", "error_deleting"])
def test_126_one_in_another_state(api, rows, status):
    backup = rows.backup(status=status)
    api.delete(f"/backups/{backup}").bad_request("Invalid backup: Backup status must be available or error")
    assert api.status("backup", backup) == status


def test_127_one_with_a_child(api, rows):
    full, _ = rows.chain(2)
    api.delete(f"/backups/{full}").bad_request(DEPENDENTS)
    assert api.status("backup", full) == "available"


def test_128_an_ancient_heartbeat(alone):
    api = alone.client()
    backup = Rows(alone, api.project).backup()
    api.delete(f"/backups/{backup}").not_found("Service cinder-backup could not be found.")
    assert api.status("backup", backup) == "available"


def test_129_an_unknown_one(api):
    nobody = str(uuid.uuid4())
    api.delete(f"/backups/{nobody}").not_found(f"Backup {nobody} could not be found.")


def test_130_one_that_no_worker_ever_took(tenant):
    # A pool that the service's user may not use stands for the driver that is not ready.
    backup = tenant.rows.backup(status="error", service=None, service_metadata=None, container=VOLUMES_POOL)
    tenant.api.delete(f"/backups/{backup}").empty(202)
    tenant.await_gone("backup", backup)


def test_131_the_driver_fails(tenant, pools):
    """A snapshot on the base that is no backup: removing the image would remove what is not ours."""
    volume = tenant.volume()
    backup = tenant.backup(volume)
    base = f"volume-{volume}.backup.{backup}"
    with pools.open(BACKUPS_POOL, base, writable=True) as image:
        image.create_snap("by-hand")
    tenant.api.delete(f"/backups/{backup}").empty(202)
    seen = tenant.await_status("backup", backup, "error")
    assert "by-hand" in seen["fail_reason"]
    (message,) = tenant.messages(backup)
    assert message["event_id"] == "VOLUME_VOLUME_BACKUP_014_025"
    assert message["user_message"] == "delete backup:Backup driver failed to delete backup."
    with pools.open(BACKUPS_POOL, base, writable=True) as image:
        image.remove_snap("by-hand")


def test_132_the_worker_is_not_ready(start, tenant):
    # Difference: the reference has workers that run without having reached their pool; such a one makes the backup
    # `error_deleting` (message 018), out of which only an administrator's reset leads. With us a worker that can not
    # use its pools does not run: without one the delete is refused and nothing has changed.
    server = start("unready", "api", **{"backups.ceph": {"pool": "no-such-pool"}})
    assert server.fails_to_start("worker")
    api = server.client()
    backup = Rows(server, api.project).backup()
    api.delete(f"/backups/{backup}").not_found("Service cinder-backup could not be found.")
    assert api.status("backup", backup) == "available"
    server.stop()
    # What one backup's own pool may be denied to is a driver's failure like any other: it can be tried again.
    backup = tenant.backup(tenant.volume())
    tenant.rows.set("backups", backup, container=VOLUMES_POOL)
    tenant.api.delete(f"/backups/{backup}").empty(202)
    assert "caps" in tenant.await_status("backup", backup, "error")["fail_reason"]
    (message,) = tenant.messages(backup)
    assert message["event_id"] == "VOLUME_VOLUME_BACKUP_014_025"
    tenant.rows.set("backups", backup, container=BACKUPS_POOL)
    tenant.api.delete(f"/backups/{backup}").empty(202)
    tenant.await_gone("backup", backup)


def test_133_when_it_is_gone(tenant):
    def in_use() -> tuple[int, int]:
        quota = tenant.api.get(f"/os-quota-sets/{tenant.project}?usage=True").expect(200)["quota_set"]
        return quota["backups"]["in_use"], quota["backup_gigabytes"]["in_use"]

    volume = tenant.volume(size=2)
    full = tenant.backup(volume)
    leaf = tenant.backup(volume, incremental=True)
    assert in_use() == (2, 4)
    tenant.api.delete(f"/backups/{leaf}").empty(202)
    tenant.await_gone("backup", leaf)
    tenant.api.get(f"/backups/{leaf}").not_found(f"Backup {leaf} could not be found.")
    assert in_use() == (1, 2)
    assert tenant.api.show("backup", full)["has_dependent_backups"] is False


@pytest.mark.parametrize("status", ["creating", "deleting", "restoring", "available", "error", "error_deleting"])
def test_134_by_force(api, rows, status):
    # Difference: the case is about drivers that can delete by force. Ours writes what the Ceph driver writes, and that
    # one can not (recorded: 405), whatever the status.
    backup = rows.backup(status=status)
    api.action("backup", backup, "os-force_delete", {}).fault(405, "badMethod", NO_FORCE)
    assert api.status("backup", backup) == status


def test_135_by_force_with_a_driver_that_can_not(api, rows):
    api.action("backup", rows.backup(), "os-force_delete", {}).fault(405, "badMethod", NO_FORCE)


def test_136_one_with_a_child_by_force(api, rows):
    # Difference: recorded as 405, for the driver is asked whether it can before the children are looked for.
    full, _ = rows.chain(2)
    api.action("backup", full, "os-force_delete", {}).fault(405, "badMethod", NO_FORCE)
    assert api.status("backup", full) == "available"


def test_137_by_force_by_a_member(people):
    backup = people.rows.backup()
    people.member.action("backup", backup, "os-force_delete", {}).forbidden(
        "volume_extension:backup_admin_actions:force_delete")
    assert people.member.status("backup", backup) == "available"


@pytest.mark.parametrize("value", [None, {}])
def test_138_what_a_force_delete_may_carry(api, rows, value):
    # Valid to the schema: what answers is the driver (test_135).
    api.action("backup", rows.backup(), "os-force_delete", value).fault(405, "badMethod", NO_FORCE)


def test_what_a_failed_increment_left_in_any_parents_base_goes_with_it(tenant, pools):
    """No case of the spec's: its record names no base, and the parent that was chosen need not be the newest."""
    volume = tenant.volume()
    chosen, newest = tenant.backup(volume), tenant.backup(volume)
    failed = tenant.rows.backup(volume, status="error", fail_reason="the worker went away",
                                parent_id=newest, service_metadata=None)
    left = f"backup.{failed}.snap.1795326352.5"
    places = [(VOLUMES_POOL, f"volume-{volume}"), (BACKUPS_POOL, f"volume-{volume}.backup.{chosen}")]
    for pool, image in places:
        with pools.open(pool, image, writable=True) as opened:
            opened.create_snap(left)
    tenant.api.delete(f"/backups/{failed}").empty(202)
    tenant.await_gone("backup", failed)
    for pool, image in places:
        assert pools.backup_snapshots(pool, image, failed) == []
    for backup in (chosen, newest):  # nothing of theirs went along
        assert len(pools.backup_snapshots(BACKUPS_POOL, f"volume-{volume}.backup.{backup}", backup)) == 1
