"""C. Lists."""

from __future__ import annotations

import uuid
from urllib.parse import parse_qsl, urlsplit

import pytest

from .b_show import KEYS
from .people import People
from .rows import Rows, at
from .wire import PROJECT_KEY, Client

BOTH = pytest.mark.parametrize("path", ["/backups", "/backups/detail"])


def ids(api: Client, query: str = "", path: str = "/backups/detail") -> list[str]:
    return [backup["id"] for backup in api.get(f"{path}{query}").expect(200)["backups"]]


def follow(api: Client, href: str):
    assert href.startswith(api.base), href
    return api.send("GET", href.removeprefix(api.base))


def elsewhere(rows: Rows) -> Rows:
    """Another project on the same server."""
    return Rows(rows.server, uuid.uuid4().hex)


def test_041_newest_first(api, rows):
    b1, b2, b3 = rows.backups(3)
    listed = api.get("/backups").expect(200)
    assert set(listed) == {"backups"}
    assert [backup["id"] for backup in listed["backups"]] == [b3, b2, b1]
    assert all(set(backup) == {"id", "name", "links"} for backup in listed["backups"])


def test_042_a_limit(api, rows):
    b1, b2, b3 = rows.backups(3)
    listed = api.get("/backups?limit=2").expect(200)
    assert [backup["id"] for backup in listed["backups"]] == [b3, b2]
    assert listed["backups_links"] == [
        {"rel": "next", "href": f"{api.base}/v3/{api.project}/backups?limit=2&marker={b2}"}]


def test_043_a_marker(api, rows):
    b1, b2, b3 = rows.backups(3)
    assert ids(api, f"?marker={b3}") == [b2, b1]


def test_044_a_limit_and_a_marker(api, rows):
    b1, b2, b3 = rows.backups(3)
    assert ids(api, f"?limit=1&marker={b3}") == [b2]


def test_045_the_servers_own_limit(start):
    server = start("small", "api", api={"max_limit": 2})
    api = server.client()
    b1, b2, b3 = Rows(server, api.project).backups(3)
    listed = api.get("/backups/detail").expect(200)
    assert [backup["id"] for backup in listed["backups"]] == [b3, b2]
    assert all(set(backup) == KEYS for backup in listed["backups"])
    (link,) = listed["backups_links"]
    assert link["rel"] == "next"
    rest = follow(api, link["href"]).expect(200)
    assert [backup["id"] for backup in rest["backups"]] == [b1]
    assert "backups_links" not in rest
    assert len(ids(api, "?limit=3")) == 2
    server.stop()


def test_046_a_limit_and_a_sort_key(api, rows):
    b1, b2, b3 = rows.backups(3)
    assert ids(api, "?limit=2&sort_key=created_at&sort_dir=desc") == [b3, b2]


@BOTH
def test_047_an_offset_beyond_everything(api, path):
    api.get(f"{path}?offset=252452434242342434").bad_request("offset must be <= 2147483647")


@BOTH
def test_048_a_limit_that_is_no_number(api, path):
    api.get(f"{path}?limit=abc").bad_request("limit param must be an integer")


@BOTH
def test_049_a_negative_limit(api, path):
    api.get(f"{path}?limit=-1").bad_request("limit param must be positive")


@BOTH
def test_050_a_limit_of_none(api, rows, path):
    rows.backup()
    assert api.get(f"{path}?limit=0").expect(200) == {"backups": []}


@BOTH
def test_051_a_negative_offset(api, path):
    api.get(f"{path}?offset=-1").bad_request("offset must be >= 0")


@BOTH
def test_052_an_unknown_marker(api, path):
    nobody = str(uuid.uuid4())
    api.get(f"{path}?marker={nobody}").not_found(f"Backup {nobody} could not be found.")


def test_053_an_unknown_sort_key(api):
    api.get("/backups?sort_key=nope").bad_request("Invalid input received: Invalid sort key")


def test_054_no_sorting_by_name_at_3_36(api):
    api.at("3.36").get("/backups?sort_key=name").bad_request("Invalid input received: Invalid sort key")


def test_055_sorting_by_name_at_3_37(api, rows):
    b, a = rows.backup(name="b_one", created_at=at(0)), rows.backup(name="a_two", created_at=at(1))
    assert ids(api.at("3.37"), "?sort_key=name") == [b, a]


def test_056_an_unknown_direction(api):
    message = "Invalid input received: Unknown sort direction, must be 'desc' or 'asc'."
    api.get("/backups?sort=created_at:sideways").bad_request(message)


def test_057_both_ways_to_sort(api):
    api.get("/backups?sort=id&sort_key=id").bad_request(
        "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter.")


def test_058_several_sort_keys(api, rows):
    old_big, new_big = rows.backup(size_gib=3, created_at=at(0)), rows.backup(size_gib=3, created_at=at(1))
    small = rows.backup(size_gib=1, created_at=at(2))
    assert ids(api, "?sort=size:asc,created_at:desc") == [small, new_big, old_big]


def test_059_by_name(api, rows):
    rows.backup(name="test1")
    two = rows.backup(name="test2")
    assert ids(api, "?name=test2") == [two]


def test_060_by_status(api, rows):
    available = rows.backup()
    rows.backup(status="error")
    assert ids(api, "?status=available") == [available]


def test_061_by_volume(api, rows):
    rows.backup()
    volume = str(uuid.uuid4())
    of_it = rows.backup(volume)
    assert ids(api, f"?volume_id={volume}") == [of_it]


@BOTH
def test_062_a_member_by_what_is_not_there_at_3_30(people, path):
    backup = people.rows.backup()
    assert ids(people.member.at("3.30"), "?foo=1", path) == [backup]


@BOTH
def test_063_a_member_by_what_is_not_there_at_3_31(people, path):
    people.member.at("3.31").get(f"{path}?foo=1").bad_request("Invalid filters foo are found in query options.")


@BOTH
def test_064_a_member_over_all_projects(people, path):
    mine = people.rows.backup()
    Rows(people.server, people.elsewhere.project).backup()
    for version in ("3.30", "3.31"):
        assert ids(people.member.at(version), "?all_tenants=1", path) == [mine]


@BOTH
def test_065_a_member_by_a_part_of_the_name(people, path):
    people.member.at("3.34").get(f"{path}?name~=t").bad_request("Invalid filters name~ are found in query options.")


def test_066_a_member_by_a_part_of_the_name_where_that_is_allowed(start, identity):
    server = start("filtered", "api", **identity.settings(),
                   **{"api.resource_filters": {"backup": ["name~", "status", "volume_id"]}})
    people = People(identity, server)
    people.rows.backup(name="other")
    best = people.rows.backup(name="best")
    for query in ("?name~=es", "?name=best"):
        assert ids(people.member.at("3.34"), query) == [best]
    server.stop()


def test_067_an_administrator_by_a_part_of_the_name(api, rows):
    rows.backup(name="other")
    best = rows.backup(name="best")
    assert ids(api.at("3.34"), "?name~=es") == [best]


@BOTH
def test_068_an_administrator_by_what_is_not_there(api, rows, path):
    rows.backup()
    assert api.get(f"{path}?foo=1").expect(200) == {"backups": []}


def test_069_an_administrator_over_all_projects(api, rows):
    mine, theirs = rows.backup(), elsewhere(rows).backup()
    assert {mine, theirs} <= set(ids(api, "?all_tenants=1"))


def test_070_an_administrator_over_the_own_project(api, rows):
    mine = rows.backup()
    elsewhere(rows).backup()
    for word in ("False", "0"):
        assert ids(api, f"?all_tenants={word}") == [mine]


def test_071_all_projects_maybe(api):
    api.get("/backups?all_tenants=maybe").bad_request("all_tenants must be a boolean, got 'maybe'.")


def test_072_an_administrator_over_one_other_project(api, rows):
    rows.backup()
    other = elsewhere(rows)
    theirs = other.backup()
    assert ids(api, f"?all_tenants=1&project_id={other.project}") == [theirs]


@BOTH
def test_073_the_count_at_3_45(api, rows, path):
    rows.backups(2)
    listed = api.at("3.45").get(f"{path}?with_count=True&limit=1").expect(200)
    assert (len(listed["backups"]), listed["count"]) == (1, 2)


def test_074_the_count_by_other_words(api, rows):
    rows.backups(2)
    assert "count" not in api.at("3.45").get("/backups?with_count=False").expect(200)
    assert api.at("3.45").get("/backups?with_count=1").expect(200)["count"] == 2


def test_075_the_count_over_all_projects(start):
    # A server of its own: nobody else's backups may be counted.
    server = start("counted", "api")
    api = server.client()
    mine = Rows(server, api.project)
    mine.backups(2)
    elsewhere(mine).backup()
    listed = api.at("3.45").get("/backups/detail?with_count=True&all_tenants=1").expect(200)
    assert (len(listed["backups"]), listed["count"]) == (3, 3)
    server.stop()


def test_076_no_count_at_3_44(api, rows):
    rows.backup()
    assert "count" not in api.at("3.44").get("/backups?with_count=True").expect(200)


def test_077_the_count_maybe(api):
    api.at("3.45").get("/backups?with_count=maybe").bad_request("Value 'maybe' for 'with_count' is not a boolean.")


def test_078_metadata_in_the_detailed_list(api, rows):
    rows.backup(created_at=at(0))
    rows.backup(created_at=at(1), metadata={"k": "v"})
    listed = api.at("3.43").get("/backups/detail").expect(200)["backups"]
    assert [backup["metadata"] for backup in listed] == [{"k": "v"}, {}]
    assert all(set(backup) == KEYS | {"metadata", PROJECT_KEY} for backup in listed)


def test_079_what_the_next_link_keeps(api, rows):
    b1, b2 = rows.backups(2)
    (link,) = api.get("/backups/detail?limit=1&status=available").expect(200)["backups_links"]
    address = urlsplit(link["href"])
    assert address.path == f"/v3/{api.project}/backups/detail"
    assert parse_qsl(address.query) == [("limit", "1"), ("status", "available"), ("marker", b2)]
    assert [backup["id"] for backup in follow(api, link["href"]).expect(200)["backups"]] == [b1]
