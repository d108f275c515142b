"""Nobody learns of another project's things, not even whether they are there."""

from __future__ import annotations

import json
import uuid

import pytest
from conformance.people import People
from conformance.wire import Answer, Client
from roles import RECORD, filled
from things import Things

KINDS = ("backup", "volume", "snapshot", "message")

# Whatever names a thing, in a path or in a body.
REQUESTS = [
    ("GET", "/backups/{backup}", None),
    ("PUT", "/backups/{backup}", {"backup": {"name": "x"}}),
    ("DELETE", "/backups/{backup}", None),
    ("POST", "/backups/{backup}/restore", {"restore": {}}),
    ("GET", "/backups/{backup}/export_record", None),
    ("POST", "/backups/{backup}/action", {"os-reset_status": {"status": "error"}}),
    ("POST", "/backups/{backup}/action", {"os-force_delete": {}}),
    ("POST", "/backups", {"backup": {"volume_id": "{volume}"}}),
    ("POST", "/backups", {"backup": {"volume_id": "{volume}", "incremental": True, "force": True}}),
    ("POST", "/backups", {"backup": {"volume_id": "{volume}", "snapshot_id": "{snapshot}"}}),
    ("POST", "/backups", {"backup": {"volume_id": "{own_volume}", "snapshot_id": "{snapshot}"}}),
    ("POST", "/backups/{own_backup}/restore", {"restore": {"volume_id": "{volume}"}}),
    ("GET", "/backups?marker={backup}", None),
    ("GET", "/backups/detail?marker={backup}&sort=name:asc", None),
    ("GET", "/backups?volume_id={volume}", None),
    ("GET", "/volumes/{volume}", None),
    ("PUT", "/volumes/{volume}", {"volume": {"name": "x"}}),
    ("DELETE", "/volumes/{volume}", None),
    ("DELETE", "/volumes/{volume}?cascade=true", None),
    ("GET", "/volumes/{volume}/metadata", None),
    ("POST", "/volumes/{volume}/metadata", {"metadata": {"a": "b"}}),
    ("PUT", "/volumes/{volume}/metadata/a", {"meta": {"a": "b"}}),
    ("POST", "/volumes/{volume}/action", {"os-extend": {"new_size": 2}}),
    ("POST", "/volumes/{volume}/action", {"os-attach": {"instance_uuid": "5b6b4e29-7b0c-4b53-9a1a-3f1d1f0f6e55",
                                                        "mountpoint": "/dev/vdb"}}),
    ("POST", "/volumes/{volume}/action", {"os-detach": {}}),
    ("POST", "/volumes/{volume}/action", {"os-reset_status": {"status": "error"}}),
    ("POST", "/volumes/{volume}/action", {"os-force_delete": {}}),
    ("POST", "/volumes/{volume}/action", {"os-set_bootable": {"bootable": True}}),
    ("POST", "/volumes/{volume}/action", {"os-update_readonly_flag": {"readonly": True}}),
    ("POST", "/volumes", {"volume": {"size": 1, "snapshot_id": "{snapshot}"}}),
    ("POST", "/volumes", {"volume": {"size": 1, "source_volid": "{volume}"}}),
    ("POST", "/volumes", {"volume": {"size": 1, "backup_id": "{backup}"}}),
    ("GET", "/volumes?marker={volume}", None),
    ("GET", "/snapshots/{snapshot}", None),
    ("PUT", "/snapshots/{snapshot}", {"snapshot": {"name": "x"}}),
    ("DELETE", "/snapshots/{snapshot}", None),
    ("GET", "/snapshots/{snapshot}/metadata", None),
    ("POST", "/snapshots/{snapshot}/metadata", {"metadata": {"a": "b"}}),
    ("POST", "/snapshots/{snapshot}/action", {"os-reset_status": {"status": "error"}}),
    ("POST", "/snapshots/{snapshot}/action", {"os-force_delete": {}}),
    ("POST", "/snapshots/{snapshot}/action", {"os-update_snapshot_status": {"status": "error"}}),
    ("POST", "/snapshots", {"snapshot": {"volume_id": "{volume}"}}),
    ("GET", "/snapshots?marker={snapshot}", None),
    ("GET", "/snapshots?volume_id={volume}", None),
    ("GET", "/messages/{message}", None),
    ("DELETE", "/messages/{message}", None),
    ("GET", "/messages?marker={message}", None),
    ("GET", "/messages?resource_uuid={backup}", None),
]


def ask(client: Client, own: Things, named: Things, method: str, path: str, body: object) -> Answer:
    def fill(template: object) -> object:
        text = json.dumps(template).replace("{own_volume}", own.volume).replace("{own_backup}", own.backup)
        return filled(json.loads(text), named, client.project)

    more = {} if body is None else {"body": fill(body)}
    return client.at("3.64").send(method, f"/v3/{client.project}{fill(path)}", **more)


@pytest.mark.parametrize("who", ["member", "reader", "stranger"])
@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_what_is_theirs_is_not_there(us: People, them: People, our_things: Things, their_things: Things, who: str,
                                     method: str, path: str, body: object):
    """The answer is that to an id which nothing has, to the letter; nothing of theirs changes."""
    client, nothing, before = getattr(us, who), Things.nowhere(), them.rows.state()
    seen = []
    for named in (their_things, nothing):
        answer = ask(client, our_things, named, method, path, body)
        text = answer.body.decode()
        for kind in KINDS:
            text = text.replace(getattr(named, kind), kind)
        kept = {name: value for name, value in answer.headers.items()
                if name not in ("date", "x-openstack-request-id", "x-compute-request-id", "etag")}
        seen.append((answer.status, text, kept))
    assert seen[0] == seen[1]
    assert seen[0][0] in (200, 400, 403, 404)
    assert them.project not in seen[0][1]
    assert them.rows.state() == before


QUERIES = ["", "all_tenants=1", "sort=created_at:asc", "limit=1", "offset=0", "sort_key=id", "with_count=true",
           "limit=1&with_count=true", "all_tenants=True&with_count=true"]


@pytest.mark.parametrize("kind", KINDS)
def test_lists_have_ones_own_alone(ours: People, theirs: People, kind: str):
    own, their = [Things.of(ours) for _ in range(3)], [Things.of(theirs) for _ in range(2)]
    for path in [f"/{kind}s{detail}?{query}" for detail in ("", "/detail") for query in QUERIES]:
        answer = ours.member.at("3.64").get(path)
        if kind == "message" and "/detail" in path:
            answer.not_found("Message detail could not be found.")
            continue
        body = answer.expect(200)
        expected = {getattr(things, kind) for things in own}
        listed = {one["id"] for one in body[f"{kind}s"]}
        assert listed == expected if "limit" not in path else len(listed) == 1 and listed <= expected, path
        assert body.get("count", 3) == 3, path
        text = answer.body.decode()
        assert theirs.project not in text, path
        assert not any(value in text for things in their for value in vars(things).values()), path


def test_pages_end_where_ones_own_end(ours: People, theirs: People):
    """Newer and older things of others stand between: neither links nor pages tell."""
    mine = []
    for _ in range(3):
        Things.of(theirs)
        mine.append(Things.of(ours).backup)
    Things.of(theirs)
    path, seen = "/backups?limit=1", []
    while path:
        body = ours.member.get(path).expect(200)
        seen += [one["id"] for one in body["backups"]]
        links = body.get("backups_links", [])
        path = links[0]["href"].split(ours.project, 1)[1] if links else ""
        assert all(theirs.project not in link["href"] for link in links)
    assert seen == mine[::-1]


def test_filters_of_administrators_are_no_windows(ours: People, theirs: People):
    own = Things.of(ours)
    Things.of(theirs)
    for key in ("project_id", "user_id", "host", "parent_id"):
        query = f"/backups?{key}={theirs.project}"
        assert [one["id"] for one in ours.member.at("3.30").get(query).expect(200)["backups"]] == [own.backup]
        ours.member.at("3.31").get(query).bad_request(f"Invalid filters {key} are found in query options.")


def test_quotas_and_usage(ours: People, theirs: People):
    Things.of(theirs)
    for path in (f"/os-quota-sets/{theirs.project}", f"/os-quota-sets/{theirs.project}?usage=true",
                 f"/os-quota-sets/{theirs.project}/defaults"):
        ours.member.get(path).forbidden("volume_extension:quotas:show")
        ours.admin.get(path).expect(200)
    usage = ours.member.get(f"/os-quota-sets/{ours.project}?usage=true").expect(200)["quota_set"]
    assert usage["backups"]["in_use"] == usage["volumes"]["in_use"] == 0
    for query in ("", f"?project_id={theirs.project}"):
        assert ours.member.at("3.64").get(f"/limits{query}").expect(200)["limits"]["absolute"]["totalBackupsUsed"] == 0
    asked = ours.admin.at("3.64").get(f"/limits?project_id={theirs.project}")
    assert asked.expect(200)["limits"]["absolute"]["totalBackupsUsed"] == 1


def test_the_summary_of_volumes(ours: People, theirs: People):
    Things.of(theirs)
    for query in ("", "?all_tenants=1"):
        summary = ours.member.at("3.12").get(f"/volumes/summary{query}").expect(200)["volume-summary"]
        assert summary["total_count"] == 0


@pytest.mark.parametrize("who", ["member", "reader", "admin", "stranger"])
@pytest.mark.parametrize("path", ["/backups", "/volumes/detail", "/os-services", "/backups/nothing"])
def test_another_projects_url(us: People, them: People, who: str, path: str):
    """Not even for an administrator, and whether there is such a project or not."""
    client = getattr(us, who)
    for project in (them.project, "0" * 32):
        client.send("GET", f"/v3/{project}{path}").bad_request("Malformed request url")


def test_urls_without_a_project(ours: People, theirs: People):
    own, their = Things.of(ours), Things.of(theirs)
    body = ours.member.send("GET", "/v3/backups").expect(200)
    assert [one["id"] for one in body["backups"]] == [own.backup]
    assert all(ours.project not in link["href"] for link in body["backups"][0]["links"])
    assert ours.member.send("GET", f"/v3/backups/{own.backup}").expect(200)["backup"]["id"] == own.backup
    ours.member.send("GET", f"/v3/backups/{their.backup}").not_found(f"Backup {their.backup} could not be found.")


def test_a_record_is_no_way_into_another_project(ours: People):
    ours.member.post("/backups/import_record", {"backup-record": {"backup_service": "x", "backup_url": RECORD}}
                     ).forbidden("backup:backup-import")


def test_an_administrator_sees_everything_by_id_and_lists_what_is_asked_for(ours: People, theirs: People):
    own, their = Things.of(ours), Things.of(theirs)
    admin = ours.admin.at("3.64")
    for kind in ("backup", "volume", "snapshot"):
        assert admin.show(kind, getattr(their, kind))["id"] == getattr(their, kind)

        def listed(query: str, kind: str = kind) -> set[str]:
            return {one["id"] for one in admin.get(f"/{kind}s{query}").expect(200)[f"{kind}s"]}

        mine, foreign = getattr(own, kind), getattr(their, kind)
        assert listed("") == listed("?all_tenants=0") == listed("?all_tenants=False") == {mine}
        assert {mine, foreign} <= listed("?all_tenants=1")
        assert listed(f"?all_tenants=1&project_id={theirs.project}") == {foreign}
        assert listed(f"?project_id={theirs.project}") == {mine}
        admin.get(f"/{kind}s?marker={foreign}").expect(200)
    admin.get("/backups?all_tenants=perhaps").bad_request("all_tenants must be a boolean, got 'perhaps'.")


def test_a_type_of_others_is_no_marker(us: People):
    body = {"volume_type": {"name": f"hidden-{uuid.uuid4()}", "os-volume-type-access:is_public": False}}
    hidden = us.admin.post("/types", body).expect(200)["volume_type"]["id"]
    unknown = str(uuid.uuid4())
    for marker in (hidden, unknown):
        us.member.get(f"/types?marker={marker}").not_found(f"Volume type {marker} could not be found.")
    us.admin.get(f"/types?marker={hidden}").expect(200)
    us.admin.delete(f"/types/{hidden}").empty(202)


def test_a_type_of_others_is_in_no_quota_set(us: People):
    hidden = f"hidden-{uuid.uuid4()}"
    body = {"volume_type": {"name": hidden, "os-volume-type-access:is_public": False}}
    made = us.admin.post("/types", body).expect(200)["volume_type"]["id"]
    paths = [f"/os-quota-sets/{us.project}{more}" for more in ("", "?usage=true", "/defaults")]

    def named(client: Client) -> list[bool]:
        return [f"volumes_{hidden}" in client.get(path).expect(200)["quota_set"] for path in paths]

    assert (named(us.member), named(us.admin)) == ([False] * 3, [True] * 3)
    assert hidden not in us.member.get("/limits").body.decode()
    us.admin.action("type", made, "addProjectAccess", {"project": us.project}).expect(202)
    assert named(us.member) == [True] * 3
    us.admin.delete(f"/types/{made}").empty(202)
