"""Requests that must be refused: with the code and the text that clients compare, and with nothing changed."""

from __future__ import annotations

import uuid

import pytest
from client import Rest, RequestFailed
from conftest import refused
from tenant import Tenant

NOBODY = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"


@pytest.fixture
def unchanged(tenant: Tenant, pools):
    """Nothing of the project, and nothing on Ceph, differs after the test from when this was called."""
    before: list = []

    def seen() -> tuple:
        from cluster import BACKUPS_POOL, VOLUMES_POOL

        on_ceph = {(pool, image): pools.snapshots(pool, image) for pool in (VOLUMES_POOL, BACKUPS_POOL)
                   for image in pools.images(pool)}
        return tenant.statuses(), on_ceph, pools.objects(BACKUPS_POOL), tenant.rest.quota_in_use()

    yield lambda: before.append(seen())
    assert before, "the test did not say from when on nothing may change"
    assert seen() == before[0]


class TestCreate:
    def test_of_an_unknown_volume(self, tenant, unchanged):
        unchanged()
        with refused(404, f"Volume {NOBODY} could not be found."):
            tenant.backup(NOBODY)

    def test_of_an_unknown_snapshot(self, tenant, unchanged):
        volume = tenant.volume()
        unchanged()
        with refused(404, f"Snapshot {NOBODY} could not be found."):
            tenant.backup(volume, snapshot_id=NOBODY)

    def test_of_another_volumes_snapshot(self, tenant, unchanged):
        one, other = tenant.volume(), tenant.volume()
        snapshot = tenant.snapshot(other)
        unchanged()
        with refused(400, f"Invalid volume: Volume {one} does not match with snapshot.volume_id {other}."):
            tenant.backup(one, snapshot_id=snapshot)

    def test_of_a_volume_in_error(self, tenant, unchanged):
        volume = tenant.volume()
        tenant.reset("volume", volume, "error")
        unchanged()
        with refused(400, "Invalid volume: Volume to be backed up must be available or in-use, "
                          'but the current status is "error".'):
            tenant.backup(volume)

    def test_of_an_attached_volume_without_force(self, tenant, unchanged):
        volume = tenant.volume()
        tenant.attach(volume)
        unchanged()
        with refused(400, "Invalid volume: Backing up an in-use volume must use the force flag."):
            tenant.backup(volume)

    def test_incremental_without_a_full(self, tenant, unchanged):
        volume = tenant.volume()
        unchanged()
        with refused(400, "Invalid backup: No backups available to do an incremental backup."):
            tenant.backup(volume, incremental=True)

    def test_incremental_on_a_full_in_error(self, tenant, unchanged):
        volume = tenant.volume()
        tenant.reset("backup", tenant.backup(volume), "error")
        unchanged()
        with refused(400, "Invalid backup: No backups available to do an incremental backup."):
            tenant.backup(volume, incremental=True)

    def test_over_the_quota(self, tenant, unchanged):
        volume = tenant.volume()
        tenant.rest.put(f"/os-quota-sets/{tenant.project}", {"quota_set": {"backups": 0}})
        unchanged()
        with refused(413, "BackupLimitExceeded: Maximum number of backups allowed (0) exceeded"):
            tenant.backup(volume)


class TestBodies:
    @pytest.mark.parametrize(("body", "message"), [
        (b"{", "Malformed request body"),
        (b"null", "None is not of type 'object'"),
        (b'{"backup": {}}', "Invalid input for field/attribute backup. Value: {}. 'volume_id' is a required property"),
        (b'{"backup": {"volume_id": 5}}', "Invalid input for field/attribute volume_id. Value: 5. 5 is not of type 'string'"),
        (b'{"backup": {"volume_id": "x"}}', "Invalid input for field/attribute volume_id. Value: x. 'x' is not a 'uuid'"),
    ])
    def test_of_a_create(self, tenant, unchanged, body, message):
        unchanged()
        with refused(400, message):
            tenant.rest.send("POST", "/backups", body)

    def test_a_field_from_a_later_microversion(self, service_url, tenant, unchanged):
        old = Rest(service_url, tenant.project, microversion="3.42")
        unchanged()
        with refused(400, f"Invalid input for field/attribute backup. Value: {{'volume_id': '{NOBODY}', 'metadata': {{}}}}. "
                          "Additional properties are not allowed ('metadata' was unexpected)"):
            old.post("/backups", {"backup": {"volume_id": NOBODY, "metadata": {}}})

    def test_an_unknown_action(self, tenant, unchanged):
        backup = tenant.backup(tenant.volume())
        unchanged()
        with refused(400, "There is no such action: os-fly. Verify the request body and Content-Type header and try again."):
            tenant.rest.post(f"/backups/{backup}/action", {"os-fly": {}})

    def test_an_unsupported_microversion(self, service_url, tenant):
        new = Rest(service_url, tenant.project, microversion="3.99")
        with refused(406, "Version 3.99 is not supported by the API. Minimum is 3.0 and maximum is 3.71."):
            new.get("/backups")


class TestRestore:
    def test_of_an_unknown_backup(self, tenant, unchanged):
        unchanged()
        with refused(404, f"Backup {NOBODY} could not be found."):
            tenant.rest.post(f"/backups/{NOBODY}/restore", {"restore": {}})

    def test_of_a_backup_in_error(self, tenant, unchanged):
        backup = tenant.backup(tenant.volume())
        tenant.reset("backup", backup, "error")
        unchanged()
        with refused(400, "Invalid backup: Backup status must be available"):
            tenant.rest.post(f"/backups/{backup}/restore", {"restore": {}})

    def test_onto_an_unknown_volume(self, tenant, unchanged):
        backup = tenant.backup(tenant.volume())
        unchanged()
        with refused(404, f"Volume {NOBODY} could not be found."):
            tenant.rest.post(f"/backups/{backup}/restore", {"restore": {"volume_id": NOBODY}})

    def test_onto_an_attached_volume(self, tenant, unchanged):
        volume = tenant.volume()
        backup = tenant.backup(volume)
        tenant.attach(volume)
        unchanged()
        with refused(400, "Invalid volume: Volume to be restored to must be available"):
            tenant.rest.post(f"/backups/{backup}/restore", {"restore": {"volume_id": volume}})

    def test_onto_a_smaller_volume(self, tenant, unchanged):
        backup, small = tenant.backup(tenant.volume(size=2)), tenant.volume(size=1)
        unchanged()
        with refused(400, "Invalid volume: volume size 1 is too small to restore backup of size 2."):
            tenant.rest.post(f"/backups/{backup}/restore", {"restore": {"volume_id": small}})


class TestDelete:
    def test_of_an_unknown_backup(self, tenant, unchanged):
        unchanged()
        with refused(404, f"Backup {NOBODY} could not be found."):
            tenant.rest.delete(f"/backups/{NOBODY}")

    def test_of_a_backup_with_dependents(self, tenant, unchanged):
        volume = tenant.volume()
        full = tenant.backup(volume)
        tenant.backup(volume, incremental=True)
        unchanged()
        with refused(400, "Invalid backup: Incremental backups exist for this backup."):
            tenant.rest.delete(f"/backups/{full}")

    def test_by_force(self, tenant, unchanged):
        backup = tenant.backup(tenant.volume())
        unchanged()
        with refused(405, "Operation not supported: force delete."):
            tenant.rest.post(f"/backups/{backup}/action", {"os-force_delete": {}})

    def test_of_a_volume_with_snapshots(self, tenant, unchanged):
        volume = tenant.volume()
        tenant.snapshot(volume)
        unchanged()
        with pytest.raises(RequestFailed) as failure:
            tenant.rest.delete(f"/volumes/{volume}")
        assert failure.value.status == 400
        assert failure.value.message.startswith("Invalid volume: ")


def test_a_reset_to_an_unknown_status(tenant, unchanged):
    backup = tenant.backup(tenant.volume())
    unchanged()
    with refused(400, "Backup status: gone is invalid, valid statuses are: ['available', 'error']."):
        tenant.rest.post(f"/backups/{backup}/action", {"os-reset_status": {"status": "gone"}})


def test_a_record_of_nothing(tenant, unchanged):
    unchanged()
    with refused(400, "Invalid input received: Can't parse backup record."):
        tenant.rest.post("/backups/import_record", {"backup-record": {"backup_service": str(uuid.uuid4()), "backup_url": "!!!!"}})
