"""How much may be asked: bounds of Cindervault's own, beside the cases of the contract."""

from __future__ import annotations

import itertools
import subprocess

import pytest
from service import binary

from .c_lists import follow
from .rows import Rows
from .wire import Answer, Client

LARGEST = 114688  # bytes of a body


@pytest.fixture(scope="module")
def throttled(start):
    server = start("throttled", "api", api={"requests_per_second_per_project": 2})
    yield server
    server.stop()


def until_refused(api: Client, most: int = 1000) -> tuple[int, Answer]:
    """How many requests were answered before the first that was not, and what that was told."""
    for answered in range(most):
        answer = api.get("/backups")
        if answer.status != 200:
            return answered, answer
    pytest.fail(f"{most} requests were answered")


def test_a_project_that_asks_too_often_is_told_when_to_come_back(throttled):
    answered, refused = until_refused(throttled.client())
    assert answered >= 2
    assert refused.status == 413
    assert refused.json == {"overLimit": {"code": 413, "message": "This request was rate-limited.", "retryAfter": "1"}}
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["openstack-api-version"] == "volume 3.0"


def test_every_kind_of_request_counts_and_other_projects_do_not(throttled):
    api, other = throttled.client(), throttled.client()
    until_refused(api)
    other.get("/volumes").expect(200)
    writes = (api.post("/backups", {"backup": {}}).status for _ in range(1000))
    assert next(itertools.dropwhile(lambda status: status != 413, writes)) == 413
    assert api.send("GET", "/healthcheck").status == 200


def test_nobody_is_refused_by_default(api):
    assert [api.get("/backups?limit=1").status for _ in range(100)] == [200] * 100


def test_the_servers_own_limit_holds_for_any_limit_and_leads_to_the_next_page(start):
    server = start("paged", "api", api={"max_limit": 2})
    api = server.client()
    made = list(reversed(Rows(server, api.project).backups(5)))
    for asked in ("", "?limit=2", "?limit=3", "?limit=1000", "?limit=99999999999999999999"):
        seen, page = [], api.get(f"/backups{asked}").expect(200)
        while True:
            assert len(page["backups"]) <= 2
            seen += [backup["id"] for backup in page["backups"]]
            if "backups_links" not in page:
                break
            page = follow(api, page["backups_links"][0]["href"]).expect(200)
        assert seen == made, asked
    server.stop()


def test_the_largest_body_and_one_byte_more(api):
    body = b'{"backup": {}}'
    json = {"Content-Type": "application/json"}
    path = f"/v3/{api.project}/backups"
    send = lambda length: api.send("POST", path, raw=body.ljust(length), headers=json)  # noqa: E731
    send(LARGEST).bad_request()
    refused = send(LARGEST + 1)
    assert refused.status == 413
    assert refused.json["title"] == "Request Entity Too Large"
    assert "x-compute-request-id" not in refused.headers


@pytest.mark.parametrize(("setting", "said"), [
    ({"requests_per_second_per_project": 0}, "api.requests_per_second_per_project must be at least 1"),
    ({"max_limit": 0}, "api.max_limit must be from 1 to 10000"),
    ({"max_limit": 10001}, "api.max_limit must be from 1 to 10000"),
])
def test_a_limit_that_is_none_is_a_mistake_at_the_start(held, setting, said, tmp_path):
    conf = tmp_path / "cindervault.toml"
    (key, value), = setting.items()
    conf.touch(mode=0o600)
    conf.write_text(held.conf.read_text().replace("[api]\n", f"[api]\n{key} = {value}\n"))
    done = subprocess.run([str(binary()), "api", "--config", str(conf)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
