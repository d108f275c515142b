"""H. Export, import."""

from __future__ import annotations

import base64
import json
import uuid

from .rows import DRIVER, Rows
from .wire import PROJECT_KEY, Answer, Client

NO_VOLUME = "00000000-0000-0000-0000-000000000000"
RECORD = {
    "id", "user_id", "project_id", "volume_id", "host", "availability_zone", "container", "parent_id", "status",
    "fail_reason", "size", "display_name", "display_description", "service_metadata", "service", "object_count",
    "temp_volume_id", "temp_snapshot_id", "num_dependent_backups", "snapshot_id", "data_timestamp", "restore_volume_id",
    "metadata", "encryption_key_id", "created_at", "updated_at", "deleted_at", "deleted", "driver_info",
}


def export(api: Client, backup: str) -> Answer:
    return api.get(f"/backups/{backup}/export_record")


def decoded(exported: dict) -> dict:
    return json.loads(base64.b64decode(exported["backup-record"]["backup_url"], validate=True))


def encoded(record: object) -> str:
    return base64.b64encode(json.dumps(record).encode()).decode()


def take(api: Client, url: str, service: str = DRIVER) -> Answer:
    return api.post("/backups/import_record", {"backup-record": {"backup_service": service, "backup_url": url}})


def record(**more) -> dict:
    volume = str(uuid.uuid4())
    made = {"id": str(uuid.uuid4()), "volume_id": volume, "size": 2, "display_name": "b", "display_description": None,
            "container": "backups", "object_count": 0, "service": DRIVER}
    made["service_metadata"] = json.dumps({"base": f"volume-{volume}.backup.{made['id']}"})
    return made | more


def test_156_export_by_a_member(people):
    export(people.member, people.rows.backup()).forbidden("backup:export-import")


def test_157_export(tenant):
    volume = tenant.volume(size=2)
    backup = tenant.backup(volume, name="b", description="of it")
    exported = export(tenant.api, backup).expect(200)
    assert set(exported) == {"backup-record"}
    assert set(exported["backup-record"]) == {"backup_service", "backup_url"}
    assert exported["backup-record"]["backup_service"] == DRIVER
    made = decoded(exported)
    assert set(made) == RECORD
    assert {key: made[key] for key in ("id", "size", "volume_id", "display_name", "display_description", "status",
                                       "driver_info", "service", "project_id", "deleted")} == {
        "id": backup, "size": 2, "volume_id": volume, "display_name": "b", "display_description": "of it",
        "status": "available", "driver_info": {}, "service": DRIVER, "project_id": tenant.project, "deleted": False}


def test_158_export_of_an_unknown_one(api):
    nobody = str(uuid.uuid4())
    export(api, nobody).not_found(f"Backup {nobody} could not be found.")


def test_159_export_of_one_that_is_being_restored(api, rows):
    export(api, rows.backup(status="restoring")).bad_request(
        "Invalid backup: Backup status must be available and not restoring.")


def test_160_export_of_another_drivers(api, rows):
    other = "cinder.backup.drivers.nfs.NFSBackupDriver"
    export(api, rows.backup(service=other)).bad_request(
        f"Invalid backup: Export record aborted, the backup service currently configured [{DRIVER}] is not the backup "
        f"service that was used to create this backup [{other}].")


def test_161_import_by_a_member(people):
    made = record()
    take(people.member, encoded(made)).forbidden("backup:backup-import")
    people.member.get(f"/backups/{made['id']}").not_found(f"Backup {made['id']} could not be found.")


def test_162_import(api):
    made = record()
    body = take(api, encoded(made)).expect(201)
    assert set(body) == {"backup"}
    assert set(body["backup"]) == {"id", "name", "links"}
    assert (body["backup"]["id"], body["backup"]["name"]) == (made["id"], None)
    seen = api.at("3.56").show("backup", made["id"])
    assert {key: seen[key] for key in ("status", "volume_id", "size", "user_id", PROJECT_KEY)} == {
        "status": "creating", "volume_id": NO_VOLUME, "size": 2, "user_id": "admin", PROJECT_KEY: api.project}


def test_163_import_of_what_was_deleted_elsewhere(api, held):
    theirs = Rows(held, uuid.uuid4().hex)
    backup = theirs.backup(status="deleted", deleted_at="now()", user_id="somebody", name="theirs")
    body = take(api, encoded(record(id=backup))).expect(201)
    assert body["backup"]["id"] == backup
    seen = api.at("3.56").show("backup", backup)
    assert (seen[PROJECT_KEY], seen["user_id"], seen["status"]) == (api.project, "admin", "creating")


def test_164_import_of_what_is_there(api, held):
    theirs = Rows(held, uuid.uuid4().hex)
    backup = theirs.backup(name="theirs")
    before = theirs.get("backups", backup)
    take(api, encoded(record(id=backup))).bad_request("Invalid backup: Backup already exists in database.")
    assert theirs.get("backups", backup) == before
    quota = api.get(f"/os-quota-sets/{api.project}?usage=True").expect(200)["quota_set"]
    assert quota["backups"]["in_use"] == 0


def test_165_import_without_a_service(alone):
    take(alone.client(), encoded(record()), service="fake").fault(
        503, "serviceUnavailable", "Service fake could not be found.")


def test_166_import_of_what_is_no_record(api):
    take(api, base64.b64encode(b"fake").decode()).bad_request("Invalid input received: Can't parse backup record.")
    take(api, "fake").bad_request("Invalid input received: Can't parse backup record.")


def test_167_import_of_nothing(api):
    api.post("/backups/import_record", {"backup-record": {}}).bad_request(
        "Invalid input for field/attribute backup-record. Value: {}. 'backup_service' is a required property")


def test_168_import_without_the_services_name(api):
    api.post("/backups/import_record", {"backup-record": {"backup_url": "fake"}}).bad_request(
        "Invalid input for field/attribute backup-record. Value: {'backup_url': 'fake'}. "
        "'backup_service' is a required property")


def test_169_import_of_null(api):
    api.post("/backups/import_record", None).bad_request("None is not of type 'object'")


def test_170_import_of_half_a_record(api):
    whole = record()
    for key, message in (("id", "Provided backup record is missing an id"),
                         ("size", "Provided backup record is missing size attribute")):
        half = {name: value for name, value in whole.items() if name != key}
        take(api, encoded(half)).bad_request(f"Invalid input received: {message}")


def test_171_import_for_a_service_that_nobody_has(tenant):
    made = record(service="some.other.Driver")
    take(tenant.api, encoded(made), service="some.other.Driver").expect(201)
    seen = tenant.await_status("backup", made["id"], "error")
    assert seen["fail_reason"].startswith("Import record failed, cannot find backup service"), seen


def test_172_there_and_back(tenant):
    volume = tenant.volume()
    full = tenant.backup(volume, name="full")
    leaf = tenant.backup(volume, name="leaf", incremental=True)
    records = [export(tenant.api, backup).expect(200)["backup-record"] for backup in (full, leaf)]
    tenant.server.sql("UPDATE backups SET status = 'deleted', deleted_at = now() "
                      f"WHERE project_id = '{tenant.project}'")
    for exported, backup in zip(records, (full, leaf), strict=True):
        taken = take(tenant.api, exported["backup_url"], exported["backup_service"]).expect(201)
        assert taken["backup"]["id"] == backup
        tenant.await_status("backup", backup, "available")
    seen = tenant.api.show("backup", leaf)
    assert (seen["name"], seen["volume_id"], seen["is_incremental"]) == ("leaf", volume, True)
    assert tenant.api.show("backup", full)["has_dependent_backups"] is True
    assert tenant.rows.get("backups", leaf)["parent_id"] == full
    tenant.restore(leaf)


def changed(url: str, **members) -> str:
    return base64.b64encode(json.dumps(json.loads(base64.b64decode(url)) | members).encode()).decode()


def test_the_key_of_an_encrypted_one_goes_along(tenant):
    """No case of the spec's: without its key such a backup can never be read again."""
    volume, key = tenant.volume(), str(uuid.uuid4())
    record = export(tenant.api, tenant.backup(volume)).expect(200)["backup-record"]
    url = changed(record["backup_url"], id=str(uuid.uuid4()), encryption_key_id=key)
    made = take(tenant.api, url, record["backup_service"]).expect(201)["backup"]["id"]
    tenant.await_status("backup", made, "available")
    assert tenant.api.at("3.64").show("backup", made)["encryption_key_id"] == key
    again = export(tenant.api, made).expect(200)["backup-record"]["backup_url"]
    assert json.loads(base64.b64decode(again))["encryption_key_id"] == key


def test_none_is_made_of_itself(tenant):
    """No case of the spec's: two that are each other's parents could never be deleted."""
    record = export(tenant.api, tenant.backup(tenant.volume())).expect(200)["backup-record"]
    one, other = str(uuid.uuid4()), str(uuid.uuid4())

    def imported(backup: str, parent: str):
        return take(tenant.api, changed(record["backup_url"], id=backup, parent_id=parent), record["backup_service"])

    imported(one, one).bad_request("Invalid input received: Provided backup record has an invalid parent_id")
    imported(one, other).expect(201)
    tenant.await_status("backup", one, "available")
    imported(other, one).expect(201)
    assert "made from this very backup" in tenant.await_status("backup", other, "error")["fail_reason"]
    for backup in (one, other):
        tenant.api.delete(f"/backups/{backup}").empty(202)
        tenant.await_gone("backup", backup)


def test_none_is_made_of_another_projects(tenant):
    """No case of the spec's: neither project could delete its own without the other."""
    theirs = Rows(tenant.server, uuid.uuid4().hex)
    foreign = theirs.backup()
    before = theirs.state()

    def imported(**members):
        return take(tenant.api, encoded(record(**members)))

    refusal = "Invalid backup: The backup's parent, or an increment of it, belongs to another project."
    imported(parent_id=foreign).bad_request(refusal)
    missing = str(uuid.uuid4())
    theirs.set("backups", foreign, parent_id=missing)
    before = theirs.state()
    imported(id=missing).bad_request(refusal)
    assert theirs.state() == before
    assert tenant.api.get("/backups").expect(200)["backups"] == []
    # what was deleted is nobody's any more
    theirs.set("backups", foreign, status="deleted", deleted_at="now()")
    made = imported(id=missing, parent_id=foreign).expect(201)["backup"]["id"]
    tenant.await_status("backup", made, "available")


def test_a_container_that_is_no_pool(tenant):
    """No case of the spec's: the import says so, not the first restore."""
    made = record(container="no-such-pool")
    take(tenant.api, encoded(made)).expect(201)
    seen = tenant.await_status("backup", made["id"], "error")
    assert seen["fail_reason"].startswith("the record's container no-such-pool is no pool that can be used here"), seen
    assert (seen["container"], seen["volume_id"]) == (None, NO_VOLUME)
    tenant.api.delete(f"/backups/{made['id']}").empty(202)
    tenant.await_gone("backup", made["id"])
