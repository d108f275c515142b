"""J. Worker, messages, neighbours."""

from __future__ import annotations

import signal
import uuid

import pytest

from .server import VOLUMES_POOL, Paused, Server, job_is_held
from .tenant import Tenant
from waiting import until
from .wire import GENERIC_404


@pytest.fixture
def killed(apart: Server):
    """Kills the worker in the middle of the job about this, and starts another.

    Difference in all that use it: the reference gives up what a worker was doing when it starts anew; with us another
    worker goes on with it, so that a restart loses nothing (181 to 185).
    """
    def kill(target: str) -> None:
        job_is_held(apart, target)
        apart.stop("worker", sig=signal.SIGKILL)

    yield kill
    # However the test ended: the next one needs a worker.
    if not apart.runs("worker"):
        apart.start("worker")


@pytest.fixture
def other(apart: Server) -> Tenant:
    """A project on the server whose worker is killed."""
    return Tenant(apart, apart.client())


def test_181_a_worker_dies_during_a_create(other, killed):
    # The reference: `error`, "incomplete backup reset on manager restart".
    volume = other.volume()
    with Paused(other.server.lab):
        backup = other.begin(volume)
        killed(backup)
    other.server.start("worker")
    assert other.await_status("backup", backup, "available")["fail_reason"] is None
    assert other.api.status("volume", volume) == "available"


def test_182_a_worker_dies_during_a_restore(other, killed):
    # The reference: backup `available`, volume `error_restoring`.
    backup, target = other.backup(other.volume()), other.volume()
    with Paused(other.server.lab):
        other.api.post(f"/backups/{backup}/restore", {"restore": {"volume_id": target}}).expect(202)
        killed(backup)
    other.server.start("worker")
    other.await_status("volume", target, "available")
    assert other.api.status("backup", backup) == "available"


def test_183_a_worker_dies_during_a_delete(other, killed):
    backup = other.backup(other.volume())
    with Paused(other.server.lab):
        other.api.delete(f"/backups/{backup}").empty(202)
        killed(backup)
    other.server.start("worker")
    other.await_gone("backup", backup)


def test_184_a_worker_dies_during_a_delete_of_an_encrypted_one(other, killed):
    # The reference: `error_deleting`. A delete removes the key in Barbican, too, which only the token of whoever asked for
    # it may do, and a restart loses the token. Here no delete touches a key, nor does a job need a token: what is left to
    # do after a restart is what was left before it, so that the row would wait for an administrator in vain.
    backup = other.backup(other.volume())
    other.rows.set("backups", backup, encryption_key_id=str(uuid.uuid4()))
    with Paused(other.server.lab):
        other.api.delete(f"/backups/{backup}").empty(202)
        killed(backup)
    other.server.start("worker")
    other.await_gone("backup", backup)


def test_185_a_worker_dies_during_a_create_of_a_snapshot(other, killed):
    volume = other.volume()
    snapshot = other.snapshot(volume)
    with Paused(other.server.lab):
        backup = other.begin(volume, snapshot_id=snapshot)
        killed(backup)
        assert other.api.status("snapshot", snapshot) == "backing-up"
    other.server.start("worker")
    # The reference fails the backup; the snapshot is given back by both.
    other.await_status("backup", backup, "available")
    assert other.api.status("snapshot", snapshot) == "available"


def test_186_the_driver_fails(tenant, pools):
    volume = tenant.volume()
    pools.rbd.RBD().remove(pools.io[VOLUMES_POOL], f"volume-{volume}")
    answer = tenant.api.post("/backups", {"backup": {"volume_id": volume}})
    backup = answer.expect(202)["backup"]["id"]
    assert f"volume-{volume}" in tenant.await_status("backup", backup, "error")["fail_reason"]
    assert tenant.api.status("volume", volume) == "available"
    (message,) = tenant.messages(backup)
    assert {key: message[key] for key in ("event_id", "user_message", "message_level", "resource_type", "resource_uuid",
                                          "request_id")} == {
        "event_id": "VOLUME_VOLUME_BACKUP_013_020", "message_level": "ERROR", "resource_type": "VOLUME_BACKUP",
        "user_message": "create backup:Backup driver failed to create backup.", "resource_uuid": backup,
        "request_id": answer.request_id}


def test_187_no_messages_at_3_2(api):
    api.at("3.2").get("/messages").not_found(GENERIC_404)


def test_188_a_backup_is_deleted_while_it_is_made(tenant):
    # Nothing but the database brings this about: a delete is refused while it is `creating`, and by force it is
    # refused always (test_134).
    volume = tenant.volume()
    full = tenant.backup(volume)
    with Paused(tenant.server.lab):
        backup = tenant.begin(volume, incremental=True)
        job_is_held(tenant.server, backup)
        tenant.rows.set("backups", backup, status="deleting")
    until(lambda: tenant.api.status("volume", volume), lambda status: status != "backing-up", "the create's end")
    assert (tenant.api.status("volume", volume), tenant.api.status("backup", backup)) == ("available", "deleting")
    assert tenant.api.show("backup", full)["has_dependent_backups"] is False


def test_189_resource_filters(api):
    path = "/resource_filters?resource=backup"
    assert api.at("3.33").get(path).expect(200) == {
        "resource_filters": [{"resource": "backup", "filters": ["name", "status", "volume_id"]}]}
    api.at("3.32").get(path).not_found(GENERIC_404)


def test_190_delete_of_a_volume_that_is_backed_up(api, rows):
    volume = rows.volume(status="backing-up")
    api.delete(f"/volumes/{volume}").bad_request(
        "Invalid volume: Volume status must be available or error or error_restoring or error_extending or "
        "error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, "
        "or be disassociated from snapshots after volume transfer.")
    assert api.status("volume", volume) == "backing-up"


def test_191_delete_of_a_volume_that_has_backups(tenant):
    volume = tenant.volume()
    full = tenant.backup(volume)
    leaf = tenant.backup(volume, incremental=True)
    assert tenant.api.delete(f"/volumes/{volume}").status == 202
    tenant.await_gone("volume", volume)
    for backup in (full, leaf):
        assert tenant.api.status("backup", backup) == "available"
        tenant.restore(backup)


def test_192_delete_of_a_snapshot_that_is_backed_up(api, rows):
    snapshot = rows.snapshot(rows.volume(), status="backing-up")
    api.delete(f"/snapshots/{snapshot}").bad_request(
        "Invalid snapshot: Snapshot status must be available or error and must not be part of a group.")
    assert api.status("snapshot", snapshot) == "backing-up"


def test_193_a_volume_from_a_backup(tenant):
    backup = tenant.backup(tenant.volume(size=2))
    made = tenant.api.at("3.47").post("/volumes", {"volume": {"backup_id": backup}}).expect(202)["volume"]
    assert made["size"] == 2
    tenant.await_status("volume", made["id"], "available")
    assert tenant.api.status("backup", backup) == "available"


def test_194_a_volume_from_a_backup_that_is_not_available(api, rows):
    backup = rows.backup(status="error")
    api.at("3.47").post("/volumes", {"volume": {"backup_id": backup}}).bad_request(
        "Invalid backup: Originating backup status must be one of 'available' values")


def test_195_snapshots_of_a_volume_in_use(api, rows):
    volume = rows.volume(status="in-use")
    for version, fields, status in (("3.65", {}, 400), ("3.65", {"force": True}, 202), ("3.66", {}, 202),
                                    ("3.66", {"force": False}, 400)):
        answer = api.at(version).post("/snapshots", {"snapshot": {"volume_id": volume, **fields}})
        assert answer.status == status, answer
    api.at("3.65").post("/snapshots", {"snapshot": {"volume_id": volume}}).bad_request(
        f"Invalid volume: Volume {volume} status must be available, but current status is: in-use.")


def test_196_services(people):
    listed = people.admin.get("/os-services?binary=cinder-backup").expect(200)["services"]
    assert [set(service) for service in listed] == [
        {"binary", "host", "zone", "status", "state", "updated_at", "disabled_reason"}]
    assert {key: listed[0][key] for key in set(listed[0]) - {"updated_at"}} == {
        "binary": "cinder-backup", "host": "lab", "zone": "nova", "status": "enabled", "state": "up",
        "disabled_reason": None}
    people.member.get("/os-services").forbidden("volume_extension:services:index")


def test_197_limits(api, rows):
    rows.quota(backup_gigabytes=77)
    rows.backup(size_gib=3)
    absolute = api.get("/limits").expect(200)["limits"]["absolute"]
    assert (absolute["totalBackupsUsed"], absolute["maxTotalBackupGigabytes"]) == (1, 77)


def test_198_quota_usage(api, rows):
    rows.quota(backups=5)
    rows.backup()
    quota = api.get(f"/os-quota-sets/{api.project}?usage=true").expect(200)["quota_set"]
    assert quota["backups"] == {"limit": 5, "in_use": 1, "reserved": 0}
