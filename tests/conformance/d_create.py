"""D. Create."""

from __future__ import annotations

import uuid

import pytest

from .rows import Rows, at, shown
from waiting import until
from .wire import Answer, Client

NO_PARENT = "Invalid backup: No backups available to do an incremental backup."


def create(api: Client, **fields) -> Answer:
    return api.post("/backups", {"backup": fields})


def made(api: Client, **fields) -> dict:
    """A backup that was begun, as it is shown at 3.64."""
    return api.at("3.64").show("backup", create(api, **fields).expect(202)["backup"]["id"])


def backups(api: Client) -> list[dict]:
    return api.get("/backups").expect(200)["backups"]


def parent(rows: Rows, backup: dict) -> str | None:
    return rows.get("backups", backup["id"])["parent_id"]


def test_080_create(api, rows):
    volume = rows.volume()
    body = create(api, name="nightly", description="of it", volume_id=volume, container="elsewhere").expect(202)
    assert set(body) == {"backup"}
    assert set(body["backup"]) == {"id", "name", "links"}
    assert body["backup"]["name"] == "nightly"
    assert api.status("volume", volume) == "backing-up"
    seen = api.show("backup", body["backup"]["id"])
    assert {key: seen[key] for key in ("status", "name", "description", "volume_id", "container")} == {
        "status": "creating", "name": "nightly", "description": "of it", "volume_id": volume, "container": "elsewhere"}


def test_081_names_are_trimmed(api, rows):
    seen = made(api, volume_id=rows.volume(), name="  test  ", description="  of it ")
    assert (seen["name"], seen["description"]) == ("test", "of it")


def test_082_nulls(api, rows):
    seen = made(api, volume_id=rows.volume(), name=None, description=None, snapshot_id=None)
    assert (seen["name"], seen["description"], seen["snapshot_id"]) == (None, None, None)


def test_083_a_volume_is_enough(api, rows):
    body = create(api, volume_id=rows.volume()).expect(202)
    assert body["backup"]["name"] is None


def test_084_a_body_of_null(api):
    api.post("/backups", None).bad_request("None is not of type 'object'")


def test_085_no_volume(api):
    create(api, name="x").bad_request(
        "Invalid input for field/attribute backup. Value: {'name': 'x'}. 'volume_id' is a required property")


def test_086_a_volume_that_is_no_uuid(api):
    create(api, volume_id="not a uuid").bad_request(
        "Invalid input for field/attribute volume_id. Value: not a uuid. 'not a uuid' is not a 'uuid'")


def test_087_an_unknown_volume(api):
    nobody = str(uuid.uuid4())
    create(api, volume_id=nobody).not_found(f"Volume {nobody} could not be found.")


@pytest.mark.parametrize("field", ["name", "container"])
def test_088_too_long(api, rows, field):
    volume, long = rows.volume(), "n" * 256
    create(api, volume_id=volume, **{field: long}).bad_request(
        f"Invalid input for field/attribute {field}. Value: {long}. '{long}' is too long")
    create(api, volume_id=volume, **{field: long[1:]}).expect(202)


@pytest.mark.parametrize("field", ["display_name", "foo"])
def test_089_unknown_fields(api, rows, field):
    volume = rows.volume()
    create(api, volume_id=volume, **{field: "x"}).bad_request(
        f"Invalid input for field/attribute backup. Value: {{'volume_id': '{volume}', '{field}': 'x'}}. "
        f"Additional properties are not allowed ('{field}' was unexpected)")


def test_090_booleans_as_texts(api, rows):
    seen = made(api, volume_id=rows.volume(status="in-use"), force="true", incremental="0")
    assert seen["is_incremental"] is False


@pytest.mark.parametrize("force", [1, None, "maybe"])
def test_091_what_is_no_boolean(api, rows, force):
    said = create(api, volume_id=rows.volume(), force=force).bad_request()
    assert said.startswith("Invalid input for field/attribute force. Value: "), said


@pytest.mark.parametrize("description", ["two\nlines", "a smile \U0001f600"])
def test_092_descriptions_that_can_not_be_printed(api, rows, description):
    said = create(api, volume_id=rows.volume(), description=description).bad_request()
    assert said.startswith("Invalid input for field/attribute description. Value: "), said


def test_093_an_empty_snapshot_id(api, rows):
    create(api, volume_id=rows.volume(), snapshot_id="").bad_request(
        "Invalid input for field/attribute snapshot_id. Value: . '' is not valid under any of the given schemas")


def test_094_metadata_from_3_43_on(api, rows):
    volume = rows.volume()
    said = create(api.at("3.42"), volume_id=volume, metadata={"k": "v"}).bad_request()
    assert said.endswith("Additional properties are not allowed ('metadata' was unexpected)"), said
    assert made(api.at("3.43"), volume_id=volume, metadata={"k": "v"})["metadata"] == {"k": "v"}


def test_095_metadata_of_null(api, rows):
    assert made(api.at("3.43"), volume_id=rows.volume(), metadata=None)["metadata"] == {}


@pytest.mark.parametrize("metadata", [{"k": 1}, {"k": None}, {"a#b": "x"}, {"": "x"}])
def test_096_metadata_that_is_none(api, rows, metadata):
    create(api.at("3.43"), volume_id=rows.volume(), metadata=metadata).bad_request()
    assert backups(api) == []


def test_097_a_zone_from_3_51_on(api, rows):
    volume = rows.volume(availability_zone="nova")
    said = create(api.at("3.50"), volume_id=volume, availability_zone="other").bad_request()
    assert said.endswith("Additional properties are not allowed ('availability_zone' was unexpected)"), said
    assert made(api.at("3.51"), volume_id=volume, availability_zone="other")["availability_zone"] == "other"


def test_098_in_use_without_force(api, rows):
    # A recorded answer is labelled so and is a 202: its volume was not in use (a restore onto it a moment later is
    # refused for its size, which is looked at after the status), so the two do not disagree.
    volume = rows.volume(status="in-use")
    create(api, volume_id=volume).bad_request("Invalid volume: Backing up an in-use volume must use the force flag.")
    assert api.status("volume", volume) == "in-use"


def test_099_in_use_with_force(tenant):
    volume = tenant.volume()
    tenant.attach(volume)
    tenant.backup(volume, force=True)
    assert tenant.api.status("volume", volume) == "in-use"


@pytest.mark.parametrize("status", ["error", "backing-up", "creating"])
def test_100_volumes_in_other_states(api, rows, status):
    create(api, volume_id=rows.volume(status=status), force=True).bad_request(
        "Invalid volume: Volume to be backed up must be available or in-use, but the current status is "
        f'"{status}".')


def test_101_a_snapshot_of_another_volume(api, rows):
    volume, other = rows.volume(), rows.volume()
    create(api, volume_id=volume, snapshot_id=rows.snapshot(other)).bad_request(
        f"Invalid volume: Volume {volume} does not match with snapshot.volume_id {other}.")


def test_102_a_snapshot_in_error(api, rows):
    volume = rows.volume()
    create(api, volume_id=volume, snapshot_id=rows.snapshot(volume, status="error")).bad_request(
        'Invalid snapshot: Snapshot to be backed up must be available, but the current status is "error".')


def test_103_an_unknown_snapshot_of_an_unusable_volume(api, rows):
    nobody = str(uuid.uuid4())
    create(api, volume_id=rows.volume(status="error"), snapshot_id=nobody).not_found(
        f"Snapshot {nobody} could not be found.")


def test_104_a_snapshot_of_a_volume_in_use(api, rows):
    volume = rows.volume(status="in-use")
    snapshot = rows.snapshot(volume)
    create(api, volume_id=volume, snapshot_id=snapshot).expect(202)
    assert (api.status("snapshot", snapshot), api.status("volume", volume)) == ("backing-up", "in-use")


def test_105_an_increment_to_nothing(api, rows):
    volume = rows.volume()
    create(api, volume_id=volume, incremental=True).bad_request(NO_PARENT)
    assert api.status("volume", volume) == "available"


@pytest.mark.parametrize("status", ["creating", "error"])
def test_106_an_increment_to_what_is_not_available(api, rows, status):
    volume = rows.volume()
    rows.backup(volume, status=status)
    create(api, volume_id=volume, incremental=True).bad_request(NO_PARENT)


def test_107_an_increment_past_a_failed_one(api, rows):
    volume = rows.volume()
    older = rows.backup(volume, created_at=at(0))
    rows.backup(volume, created_at=at(1), status="error")
    seen = made(api, volume_id=volume, incremental=True)
    assert seen["is_incremental"] is True
    assert parent(rows, seen) == older


def test_108_an_increment_of_a_snapshot_between_backups(api, rows):
    volume = rows.volume()
    before = rows.backup(volume, created_at=at(1))
    snapshot = rows.snapshot(volume, created_at=at(2))
    rows.backup(volume, created_at=at(3))
    seen = made(api, volume_id=volume, snapshot_id=snapshot, incremental=True)
    assert parent(rows, seen) == before
    assert seen["data_timestamp"] == shown(at(2))


def test_109_an_increment_of_a_snapshot_before_the_only_backup(api, rows):
    volume = rows.volume()
    snapshot = rows.snapshot(volume, created_at=at(1))
    only = rows.backup(volume, created_at=at(2))
    assert parent(rows, made(api, volume_id=volume, snapshot_id=snapshot, incremental=True)) == only


def test_110_no_usable_service(alone):
    # Difference: ours waits for a worker for `worker_wait_seconds` before it gives up (here for one second), so that a
    # worker's restart fails no backup; the reference's scheduler gives up at once. What then is seen is the same.
    api = alone.client()
    volume = Rows(alone, api.project).volume()
    backup = create(api, volume_id=volume).expect(202)["backup"]["id"]
    until(lambda: api.status("backup", backup), lambda status: status != "creating", "the wait for a worker to end")
    seen = api.show("backup", backup)
    assert (seen["status"], seen["fail_reason"]) == ("error", "Service not found for creating backup.")
    assert api.status("volume", volume) == "available"
    (message,) = api.at("3.5").get(f"/messages?resource_uuid={backup}").expect(200)["messages"]
    assert message["event_id"] == "VOLUME_VOLUME_BACKUP_013_024"
    assert message["user_message"] == (
        "create backup:Backup failed to schedule. Service not found for creating backup.")


def test_111_too_many_backups(api, rows):
    rows.backups(10)
    create(api, volume_id=rows.volume()).over_limit(
        "BackupLimitExceeded: Maximum number of backups allowed (10) exceeded")


def test_112_too_many_gigabytes(api, rows):
    rows.quota(backup_gigabytes=4)
    rows.backup(size_gib=3)
    message = ("VolumeBackupSizeExceedsAvailableQuota: Requested backup exceeds allowed Backup gigabytes quota. "
               "Requested 2G, quota is 4G and 3G has been consumed.")
    volume = rows.volume(size_gib=2)
    create(api, volume_id=volume).over_limit(message)
    rows.quota(backups=1)
    create(api, volume_id=volume).over_limit(message)


def test_113_the_quota_comes_before_the_parent(api, rows):
    rows.quota(backups=0)
    create(api, volume_id=rows.volume(), incremental=True).over_limit(
        "BackupLimitExceeded: Maximum number of backups allowed (0) exceeded")


def test_114_without_the_role_for_it(people):
    volume = people.rows.volume()
    create(people.reader, volume_id=volume).forbidden("backup:create")
    create(people.stranger, volume_id=volume).not_found(f"Volume {volume} could not be found.")
    assert people.reader.status("volume", volume) == "available"
