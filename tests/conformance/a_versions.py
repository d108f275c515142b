"""A. Versions and transport."""

from __future__ import annotations

import json
import uuid

import pytest

from .wire import GENERIC_400, MAX_VERSION, Client


def document(base: str) -> dict:
    return {"versions": [{
        "id": "v3.0", "status": "CURRENT", "version": MAX_VERSION, "min_version": "3.0",
        "updated": "2023-08-31T00:00:00Z",
        "links": [{"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
                  {"rel": "self", "href": f"{base}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}],
    }]}


def anonymous(api: Client) -> Client:
    return Client(api.base, api.project, None)


def test_001_versions_document(api):
    assert anonymous(api).send("GET", "/").expect(300) == document(api.base)


def test_002_versions_document_of_v3(api):
    answer = api.at("3.0").send("GET", "/v3/")
    assert answer.expect(200) == document(api.base)
    assert answer.headers["openstack-api-version"] == "volume 3.0"
    assert answer.headers["vary"] == "OpenStack-API-Version"


def test_003_latest_is_the_servers_maximum(api):
    answer = api.at("latest").send("GET", "/v3/")
    answer.expect(200)
    assert answer.headers["openstack-api-version"] == f"volume {MAX_VERSION}"


@pytest.mark.parametrize("path", ["/", "/v3/"])
def test_004_a_version_of_three_numbers(api, path):
    answer = api.at("2.0.1").send("GET", path)
    answer.bad_request("API Version String 2.0.1 is of invalid format. Must be of format MajorNum.MinorNum.")
    assert "openstack-api-version" not in answer.headers


def test_005_a_version_that_is_not_supported(api):
    message = f"Version 4.0 is not supported by the API. Minimum is 3.0 and maximum is {MAX_VERSION}."
    for path in ("/", "/v3/", f"/v3/{api.project}/backups", f"/v3/{api.project}/backups/{uuid.uuid4()}"):
        answer = api.at("4.0").send("GET", path)
        answer.fault(406, "computeFault", message)
        assert answer.headers["openstack-api-version"] == "volume 4.0"


def test_006_versions_of_several_services(api):
    answer = api.get("/backups", headers={"OpenStack-API-Version": "volume 3.0, compute 2.22, identity 2.3"})
    answer.expect(200)
    assert answer.headers["openstack-api-version"] == "volume 3.0"


def test_007_versions_of_other_services_only(api):
    for path in ("/", f"/v3/{api.project}/backups"):
        api.send("GET", path, headers={"OpenStack-API-Version": "compute 2.22, identity 2.3"}).bad_request(GENERIC_400)


def test_008_the_link_behind_a_prefix(start):
    server = start("proxied", "api", api={"public_url": "https://cloud.example/volume"})
    for path, status in (("/", 300), ("/v3/", 200)):
        (version,) = server.client().send("GET", path).expect(status)["versions"]
        assert {"rel": "self", "href": "https://cloud.example/volume/v3/"} in version["links"]
    server.stop()


def test_009_without_a_token(people):
    answer = people.nobody.get("/backups")
    assert answer.status == 401, answer
    assert answer.json == {"error": {"code": 401, "title": "Unauthorized",
                                     "message": "The request you have made requires authentication."}}
    assert answer.headers["www-authenticate"] == f'Keystone uri="{people.identity.keystone.url()}"'
    assert not {"openstack-api-version", "x-compute-request-id"} & set(answer.headers)


def test_versions_documents_without_a_token(people):
    people.nobody.send("GET", "/v3/").expect(200)
    for path in ("/v3", f"/v3/{people.project}", f"/v3/{people.project}/"):
        answer = people.nobody.send("GET", path)
        assert answer.json["error"]["code"] == answer.status == 401, answer
        assert "location" not in answer.headers
    people.member.send("GET", f"/v3/{people.project}/").expect(200)


def test_the_way_to_the_versions_document(people):
    answer = people.member.send("GET", "/v3")
    assert (answer.status, answer.headers["location"]) == (302, f"{people.member.base}/v3/"), answer
    assert answer.headers["content-type"] == "text/plain; charset=utf8"
    assert not {"openstack-api-version", "vary", "x-compute-request-id"} & set(answer.headers)


def test_010_a_global_request_id_is_not_ours(api):
    sent = f"req-{uuid.uuid4()}"
    answer = api.get("/backups", headers={"X-Openstack-Request-Id": sent})
    answer.expect(200)
    assert answer.headers["x-compute-request-id"] == answer.request_id != sent


def test_011_a_global_request_id_that_is_none(api):
    answer = api.get("/backups", headers={"X-Openstack-Request-Id": "hello"})
    answer.expect(200)
    assert "hello" not in answer.headers.values()


def test_012_another_project_in_the_url(people):
    for caller in (people.member, people.admin):
        caller.send("GET", f"/v3/{people.elsewhere.project}/backups").bad_request("Malformed request url")


def test_013_without_a_project_in_the_url(api, rows):
    backup = rows.backup()
    answer = api.send("GET", "/v3/backups")
    assert answer.headers["openstack-api-version"] == "volume 3.0"
    (seen,) = answer.expect(200)["backups"]
    assert [link["href"] for link in seen["links"]] == [
        f"{api.base}/v3/backups/{backup}", f"{api.base}/backups/{backup}"]


def test_014_a_project_that_can_be_none(api):
    answer = api.send("GET", "/v3/DEMO/backups")
    answer.unroutable()
    assert answer.json == {"message": "The resource could not be found.<br /><br />\n\n\n", "code": "404 Not Found",
                           "title": "Not Found"}


def test_015_methods_without_a_route(api, rows):
    backup = rows.backup()
    body = {"backup": {"name": "x"}}
    for method, path in (("PATCH", f"/backups/{backup}"), ("POST", f"/backups/{backup}"), ("PUT", "/backups")):
        api.send(method, f"/v3/{api.project}{path}", body).unroutable()
    assert api.show("backup", backup)["name"] is None


def test_016_a_body_of_another_type(api, rows):
    body = json.dumps({"backup": {"volume_id": rows.volume()}}).encode()
    api.send("POST", f"/v3/{api.project}/backups", raw=body, headers={"Content-Type": "text/plain"}).fault(
        415, "badMediaType", "Unsupported Content-Type")


def test_017_a_body_that_is_no_json(api):
    answer = api.send("POST", f"/v3/{api.project}/backups", raw=b"{oops", headers={"Content-Type": "application/json"})
    answer.bad_request("Malformed request body")


def test_018_a_path_with_a_suffix(api, rows):
    rows.backup(name="one")
    for path in ("/backups", "/backups/detail"):
        assert api.get(f"{path}.json").expect(200) == api.get(path).expect(200)
