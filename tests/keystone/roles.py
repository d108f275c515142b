"""What readers and members may not do, in the reference's words, and what administrators may."""

from __future__ import annotations

import base64
import json

import pytest
from conformance.people import People
from things import Things

RECORD = base64.b64encode(json.dumps({"id": "5b6b4e29-7b0c-4b53-9a1a-3f1d1f0f6e55"}).encode()).decode()

MEMBERS = [
    ("POST", "/backups", {"backup": {"volume_id": "{volume}"}}, "backup:create"),
    ("PUT", "/backups/{backup}", {"backup": {"name": "x"}}, "backup:update"),
    ("DELETE", "/backups/{backup}", None, "backup:delete"),
    ("POST", "/backups/{backup}/restore", {"restore": {}}, "backup:restore"),
    ("DELETE", "/messages/{message}", None, "message:delete"),
    ("POST", "/volumes", {"volume": {"size": 1}}, "volume:create"),
    ("PUT", "/volumes/{volume}", {"volume": {"name": "x"}}, "volume:update"),
    ("DELETE", "/volumes/{volume}", None, "volume:delete"),
    ("POST", "/volumes/{volume}/action", {"os-extend": {"new_size": 2}}, "volume:extend"),
    ("POST", "/volumes/{volume}/action", {"os-attach": {"instance_uuid": "5b6b4e29-7b0c-4b53-9a1a-3f1d1f0f6e55",
                                                        "mountpoint": "/dev/vdb"}}, "volume_extension:volume_actions:attach"),
    ("POST", "/volumes/{volume}/action", {"os-set_bootable": {"bootable": True}},
     "volume_extension:volume_actions:set_bootable"),
    ("POST", "/volumes/{volume}/action", {"os-retype": {"new_type": "__DEFAULT__"}}, "volume:retype"),
    ("POST", "/volumes/{volume}/action", {"os-reserve": {}}, "volume_extension:volume_actions:reserve"),
    ("POST", "/volumes/{volume}/action", {"os-unreserve": {}}, "volume_extension:volume_actions:unreserve"),
    ("POST", "/os-volume-transfer", {"transfer": {"volume_id": "{volume}"}}, "volume:create_transfer"),
    ("POST", "/volumes/{volume}/metadata", {"metadata": {"a": "b"}}, "volume:create_volume_metadata"),
    ("PUT", "/volumes/{volume}/metadata", {"metadata": {"a": "b"}}, "volume:update_volume_metadata"),
    ("POST", "/snapshots", {"snapshot": {"volume_id": "{volume}"}}, "volume:create_snapshot"),
    ("PUT", "/snapshots/{snapshot}", {"snapshot": {"name": "x"}}, "volume:update_snapshot"),
    ("DELETE", "/snapshots/{snapshot}", None, "volume:delete_snapshot"),
    ("PUT", "/snapshots/{snapshot}/metadata", {"metadata": {"a": "b"}}, "volume:update_snapshot_metadata"),
]
ADMINS = [
    ("GET", "/backups/{backup}/export_record", None, "backup:export-import"),
    ("POST", "/backups/import_record", {"backup-record": {"backup_service": "x", "backup_url": RECORD}},
     "backup:backup-import"),
    ("POST", "/backups/{backup}/action", {"os-reset_status": {"status": "error"}},
     "volume_extension:backup_admin_actions:reset_status"),
    ("POST", "/backups/{backup}/action", {"os-force_delete": {}}, "volume_extension:backup_admin_actions:force_delete"),
    ("POST", "/volumes/{volume}/action", {"os-reset_status": {"status": "error"}},
     "volume_extension:volume_admin_actions:reset_status"),
    ("POST", "/volumes/{volume}/action", {"os-force_delete": {}}, "volume_extension:volume_admin_actions:force_delete"),
    ("DELETE", "/volumes/{volume}?force=true", None, "volume:force_delete"),
    ("POST", "/snapshots/{snapshot}/action", {"os-reset_status": {"status": "error"}},
     "volume_extension:snapshot_admin_actions:reset_status"),
    ("POST", "/snapshots/{snapshot}/action", {"os-force_delete": {}},
     "volume_extension:snapshot_admin_actions:force_delete"),
    ("PUT", "/os-quota-sets/{project}", {"quota_set": {"backups": 99}}, "volume_extension:quotas:update"),
    ("DELETE", "/os-quota-sets/{project}", None, "volume_extension:quotas:delete"),
    ("GET", "/os-quota-class-sets/default", None, "volume_extension:quota_classes:get"),
    ("GET", "/os-services", None, "volume_extension:services:index"),
    ("PUT", "/os-services/disable", {"host": "lab", "binary": "cinder-backup"}, "volume_extension:services:update"),
    ("POST", "/types", {"volume_type": {"name": "x"}}, "volume_extension:type_create"),
    ("GET", "/scheduler-stats/get_pools", None, "scheduler_extension:scheduler_stats:get_pools"),
]


def filled(template: object, things: Things, project: str) -> object:
    """A path or a body for these things."""
    text = json.dumps(template)
    for name, value in (vars(things) | {"project": project}).items():
        text = text.replace(f"{{{name}}}", value)
    return json.loads(text)


def ask(client, things: Things, method: str, path: str, body: object):
    path = f"/v3/{client.project}{filled(path, things, client.project)}"
    more = {} if body is None else {"body": filled(body, things, client.project)}
    return client.at("3.50").send(method, path, **more)


@pytest.mark.parametrize(("method", "path", "body", "rule"), MEMBERS + ADMINS)
def test_a_reader_may_only_read(us: People, our_things: Things, method: str, path: str, body: object, rule: str):
    before = us.rows.state()
    ask(us.reader, our_things, method, path, body).forbidden(rule)
    assert us.rows.state() == before


@pytest.mark.parametrize(("method", "path", "body", "rule"), ADMINS)
def test_a_member_is_no_administrator(us: People, our_things: Things, method: str, path: str, body: object, rule: str):
    before = us.rows.state()
    ask(us.member, our_things, method, path, body).forbidden(rule)
    assert us.rows.state() == before


@pytest.mark.parametrize(("method", "path", "body", "rule"), MEMBERS)
def test_a_member_may(us: People, method: str, path: str, body: object, rule: str):
    answer = ask(us.member, Things.of(us), method, path, body)
    assert answer.status < 300 or (answer.status == 400 and rule == "volume:delete"), answer


@pytest.mark.parametrize("path", [
    "/backups", "/backups/detail", "/backups/{backup}", "/volumes", "/volumes/detail", "/volumes/{volume}",
    "/volumes/{volume}/metadata", "/snapshots", "/snapshots/detail", "/snapshots/{snapshot}",
    "/snapshots/{snapshot}/metadata", "/messages", "/messages/{message}", "/limits", "/os-quota-sets/{project}",
    "/os-quota-sets/{project}?usage=true", "/os-quota-sets/{project}/defaults", "/types", "/types/default",
    "/os-availability-zone", "/volumes/summary"])
def test_a_reader_may_read(us: People, our_things: Things, path: str):
    ask(us.reader, our_things, "GET", path, None).expect(200)


def test_who_may_not_even_read(us: People):
    """What a project holds is its users' to know, a volume's being there is not (API spec 9.4)."""
    things, stranger = Things.of(us), us.stranger
    stranger.get("/backups").forbidden("backup:get_all")
    stranger.get(f"/backups/{things.backup}").forbidden("backup:get")
    stranger.delete(f"/backups/{things.backup}").forbidden("backup:get")
    stranger.get(f"/snapshots/{things.snapshot}").forbidden("volume:get_snapshot")
    stranger.at("3.3").get(f"/messages/{things.message}").forbidden("message:get")
    stranger.get(f"/volumes/{things.volume}").not_found(f"Volume {things.volume} could not be found.")
    made = stranger.post("/backups", {"backup": {"volume_id": things.volume}})
    made.not_found(f"Volume {things.volume} could not be found.")
    absolute = stranger.get("/limits").expect(200)["limits"]["absolute"]
    assert absolute and all(name.startswith("max") for name in absolute)


def test_only_an_administrator_sees_whose_it_is(us: People):
    things = Things.of(us)
    for client, sees in ((us.reader, False), (us.member, False), (us.admin, True)):
        backup = client.at("3.64").show("backup", things.backup)
        assert ("os-backup-project-attr:project_id" in backup, "user_id" in backup) == (sees, sees)
        volume = client.at("3.64").show("volume", things.volume)
        assert ("os-vol-host-attr:host" in volume, "os-vol-tenant-attr:tenant_id" in volume) == (sees, True)


@pytest.mark.parametrize(("method", "path", "body", "rule"),
                         [row for row in ADMINS if row[1] != "/backups/import_record" and "/os-services/" not in row[1]])
def test_an_administrator_may(ours: People, method: str, path: str, body: object, rule: str):
    answer = ask(ours.admin, Things.of(ours), method, path, body)
    assert answer.status != 403, answer
