"""I. Reset status and actions."""

from __future__ import annotations

import uuid

import pytest

from .server import Paused, job_is_held
from .wire import Answer, Client


def reset(api: Client, backup: str, **fields) -> Answer:
    return api.action("backup", backup, "os-reset_status", fields)


@pytest.mark.parametrize("status", ["error", "available"])
def test_173_reset(api, rows, status):
    backup = rows.backup(status="creating")
    reset(api, backup, status=status).empty(202)
    assert api.status("backup", backup) == status


@pytest.mark.parametrize("status", ["error", "available"])
def test_a_reset_while_the_backup_is_made(tenant, status):
    """What is not all there is never available: not to a restore, not to an export, not as a parent."""
    volume = tenant.volume()
    with Paused(tenant.server.lab):
        backup = tenant.begin(volume)
        job_is_held(tenant.server, backup)
        reset(tenant.api, backup, status=status).empty(202)
        now = tenant.api.status("backup", backup)
        assert now == {"available": "creating", "error": "error"}[status]
        assert tenant.api.post(f"/backups/{backup}/restore", {"restore": {}}).bad_request() == (
            "Invalid backup: Backup status must be available")
        tenant.api.get(f"/backups/{backup}/export_record").bad_request(
            f"Invalid backup: Backup status must be available and not {now}.")
    tenant.await_status("backup", backup, "error")
    tenant.await_status("volume", volume, "available")
    assert tenant.api.post("/backups", {"backup": {"volume_id": volume, "incremental": True}}).bad_request()


def test_174_reset_by_a_member(people):
    backup = people.rows.backup()
    reset(people.member, backup, status="error").forbidden("volume_extension:backup_admin_actions:reset_status")
    assert people.member.status("backup", backup) == "available"


@pytest.mark.parametrize("status", ["restoring", None, "", ...])
def test_175_reset_to_what_is_no_status(api, rows, status):
    backup = rows.backup()
    said = reset(api, backup, **({} if status is ... else {"status": status})).bad_request()
    if isinstance(status, str):
        assert said == f"Backup status: {status} is invalid, valid statuses are: ['available', 'error']."
    assert api.status("backup", backup) == "available"


def test_176_reset_in_capitals(api, rows):
    backup = rows.backup()
    reset(api, backup, status="ERROR").empty(202)
    assert api.status("backup", backup) == "error"


@pytest.mark.parametrize("field", ["attach_status", "migration_status"])
def test_177_reset_of_what_only_volumes_have(api, rows, field):
    backup = rows.backup()
    said = reset(api, backup, status="error", **{field: "x"}).bad_request()
    assert said.endswith(f"Additional properties are not allowed ('{field}' was unexpected)"), said
    assert api.status("backup", backup) == "available"


def test_178_reset_of_an_unknown_backup(api):
    nobody = str(uuid.uuid4())
    reset(api, nobody, status="error").not_found(f"Backup {nobody} could not be found.")


def test_179_an_unknown_action(api, rows):
    api.action("backup", rows.backup(), "foo", {}).bad_request(
        "There is no such action: foo. Verify the request body and Content-Type header and try again.")


def test_180_two_actions_at_once(api, rows):
    backup = rows.backup()
    api.post(f"/backups/{backup}/action", {"os-reset_status": {"status": "error"}, "os-force_delete": {}}).bad_request(
        "Malformed request body")
    assert api.status("backup", backup) == "available"
