"""B. Show and detail."""

from __future__ import annotations

import re
import uuid

from .rows import Rows, at, shown
from .wire import PROJECT_KEY

KEYS = {"id", "status", "size", "object_count", "availability_zone", "container", "created_at", "updated_at", "name",
        "description", "fail_reason", "volume_id", "links", "is_incremental", "has_dependent_backups", "snapshot_id",
        "data_timestamp"}
NO_KEY = "00000000-0000-0000-0000-000000000000"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")


def test_019_show_has_these_keys(api, rows):
    backup = rows.backup(size_gib=1, availability_zone="az1", container="volumebackups", object_count=22, name="b",
                         description="of it", created_at=at(0))
    seen = api.show("backup", backup)
    assert set(seen) == KEYS
    volume = rows.get("backups", backup)["volume_id"]
    assert {key: seen[key] for key in KEYS - {"links"}} == {
        "id": backup, "status": "available", "size": 1, "object_count": 22, "availability_zone": "az1",
        "container": "volumebackups", "created_at": shown(at(0)), "updated_at": None, "name": "b",
        "description": "of it", "fail_reason": None, "volume_id": volume, "is_incremental": False,
        "has_dependent_backups": False, "snapshot_id": None, "data_timestamp": shown(at(0)),
    }


def test_020_show_of_a_snapshots_backup(tenant):
    volume = tenant.volume()
    snapshot = tenant.snapshot(volume)
    backup = tenant.backup(volume, snapshot_id=snapshot)
    seen = tenant.api.show("backup", backup)
    assert seen["snapshot_id"] == snapshot
    assert seen["data_timestamp"] == tenant.api.show("snapshot", snapshot)["created_at"]


def test_021_show_of_an_unknown_backup(api):
    nobody = str(uuid.uuid4())
    api.get(f"/backups/{nobody}").not_found(f"Backup {nobody} could not be found.")


def test_022_metadata_at_3_43(tenant):
    backup = tenant.backup(tenant.volume(), "3.43", metadata={"test_key": "test_value"})
    assert tenant.api.at("3.43").show("backup", backup)["metadata"] == {"test_key": "test_value"}


def test_023_no_metadata_at_3_42(api, rows):
    assert "metadata" not in api.at("3.42").show("backup", rows.backup(metadata={"test_key": "test_value"}))


def test_024_the_project_at_3_18(api, rows):
    assert api.at("3.18").show("backup", rows.backup())[PROJECT_KEY] == api.project


def test_025_no_project_for_a_member(people):
    assert set(people.member.at("3.18").show("backup", people.rows.backup())) == KEYS


def test_026_no_project_at_3_17(api, rows):
    assert set(api.at("3.17").show("backup", rows.backup())) == KEYS


def test_027_the_user_at_3_56(api, rows):
    assert api.at("3.56").show("backup", rows.backup(user_id="somebody"))["user_id"] == "somebody"


def test_028_no_user_for_a_member(people):
    assert set(people.member.at("3.56").show("backup", people.rows.backup())) == KEYS | {"metadata"}


def test_029_no_user_at_3_55(api, rows):
    assert set(api.at("3.55").show("backup", rows.backup())) == KEYS | {"metadata", PROJECT_KEY}


def test_030_the_encryption_key_at_3_64(api, rows):
    key = str(uuid.uuid4())
    assert api.at("3.64").show("backup", rows.backup(encryption_key_id=key))["encryption_key_id"] == key


def test_031_no_encryption_key_at_3_63(api, rows):
    assert "encryption_key_id" not in api.at("3.63").show("backup", rows.backup(encryption_key_id=str(uuid.uuid4())))


def test_032_an_encryption_key_that_is_none(api, rows):
    for key in (None, NO_KEY):
        assert "encryption_key_id" not in api.at("3.64").show("backup", rows.backup(encryption_key_id=key))


def test_033_the_middle_of_a_chain(tenant):
    volume = tenant.volume()
    full, middle = tenant.backup(volume), tenant.backup(volume, incremental=True)
    tenant.backup(volume, incremental=True)
    seen = tenant.api.show("backup", middle)
    assert (seen["is_incremental"], seen["has_dependent_backups"]) == (True, True)
    seen = tenant.api.show("backup", full)
    assert (seen["is_incremental"], seen["has_dependent_backups"]) == (False, True)


def test_034_the_end_of_a_chain(tenant):
    volume = tenant.volume()
    tenant.backup(volume)
    tenant.backup(volume, incremental=True)
    seen = tenant.api.show("backup", tenant.backup(volume, incremental=True))
    assert (seen["is_incremental"], seen["has_dependent_backups"]) == (True, False)


def test_035_a_member_does_not_see_other_projects(people):
    backup = people.rows.backup()
    people.elsewhere.get(f"/backups/{backup}").not_found(f"Backup {backup} could not be found.")


def test_036_an_administrator_sees_other_projects(people):
    backup = Rows(people.server, people.elsewhere.project).backup()
    assert people.admin.show("backup", backup)["id"] == backup


def test_037_without_the_role_of_a_reader(people):
    people.stranger.get(f"/backups/{people.rows.backup()}").forbidden("backup:get")


def test_038_timestamps(tenant):
    seen = tenant.api.show("backup", tenant.backup(tenant.volume()))
    for key in ("created_at", "updated_at", "data_timestamp"):
        assert TIMESTAMP.fullmatch(seen[key]), seen
    assert seen["data_timestamp"] == seen["created_at"]


def test_039_links(api, rows):
    backup = rows.backup()
    place = f"{api.project}/backups/{backup}"
    assert api.show("backup", backup)["links"] == [{"rel": "self", "href": f"{api.base}/v3/{place}"},
                                                   {"rel": "bookmark", "href": f"{api.base}/{place}"}]


def test_040_a_backup_that_no_worker_has_seen(api, rows):
    made = api.post("/backups", {"backup": {"volume_id": rows.volume(size_gib=5)}}).expect(202)["backup"]["id"]
    seen = api.show("backup", made)
    assert {key: seen[key] for key in ("availability_zone", "container", "object_count", "size", "status")} == {
        "availability_zone": None, "container": None, "object_count": 0, "size": 5, "status": "creating"}
