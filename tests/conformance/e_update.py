"""E. Update."""

from __future__ import annotations

import uuid

from .rows import at
from .wire import GENERIC_404, Answer, Client


def update(api: Client, backup: str, **fields) -> Answer:
    return api.put(f"/backups/{backup}", {"backup": fields})


def test_115_not_before_3_9(api, rows):
    backup = rows.backup(name="old")
    update(api.at("3.8"), backup, name="new").not_found(GENERIC_404)
    assert api.show("backup", backup)["name"] == "old"


def test_116_name_and_description(api, rows):
    backup = rows.backup(name="old", description="old")
    body = update(api.at("3.9"), backup, name="new", description="of it").expect(200)["backup"]
    assert set(body) == {"id", "name", "links"}
    assert (body["id"], body["name"]) == (backup, "new")
    seen = api.show("backup", backup)
    assert (seen["name"], seen["description"]) == ("new", "of it")


def test_117_names_are_trimmed(api, rows):
    backup = rows.backup()
    update(api.at("3.9"), backup, name="  new  ", description=" of it ").expect(200)
    seen = api.show("backup", backup)
    assert (seen["name"], seen["description"]) == ("new", "of it")


def test_118_a_name_of_null(api, rows):
    backup = rows.backup(name="old", status="error")
    assert update(api.at("3.9"), backup, name=None).expect(200)["backup"]["name"] is None
    seen = api.show("backup", backup)
    assert (seen["name"], seen["status"]) == (None, "error")


def test_119_bodies_that_are_none(api, rows):
    backup = rows.backup(name="old")
    for body, message in (
            (None, "None is not of type 'object'"),
            ({"backup": {"id": "x"}}, "Invalid input for field/attribute backup. Value: {'id': 'x'}. "
                                      "Additional properties are not allowed ('id' was unexpected)"),
            ({"name": "x"}, "'backup' is a required property")):
        api.at("3.9").put(f"/backups/{backup}", body).bad_request(message)
    assert api.show("backup", backup)["name"] == "old"


def test_120_an_unknown_backup(api):
    nobody = str(uuid.uuid4())
    update(api.at("3.9"), nobody, name="x").not_found(f"Backup {nobody} could not be found.")


def test_121_metadata(api, rows):
    backup = rows.backup(metadata={"b": "2"})
    said = update(api.at("3.42"), backup, metadata={"a": "1"}).bad_request()
    assert said.endswith("Additional properties are not allowed ('metadata' was unexpected)"), said
    update(api.at("3.43"), backup, metadata=None).bad_request()
    assert api.at("3.43").show("backup", backup)["metadata"] == {"b": "2"}
    update(api.at("3.43"), backup, metadata={"a": "1"}).expect(200)
    assert api.at("3.43").show("backup", backup)["metadata"] == {"a": "1"}


def test_122_nothing(api, rows):
    backup = rows.backup(name="old", description="old", metadata={"b": "2"}, created_at=at(0))
    shown = {key: value for key, value in api.at("3.43").show("backup", backup).items() if key != "updated_at"}
    assert update(api.at("3.9"), backup).expect(200)["backup"]["name"] == "old"
    assert {key: value for key, value in api.at("3.43").show("backup", backup).items() if key != "updated_at"} == shown
