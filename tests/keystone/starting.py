"""What `check` and a start say when the way to Keystone is not right, and how the rules are looked at."""

from __future__ import annotations

import json
import subprocess

import pytest
from conformance.people import Identity
from conformance.server import Lab, Server
from service import binary

WRONG = [
    ({"password": "not-this-one"}, ["service user cinder in project service", "password"]),
    ({"username": "nobody"}, ["service user nobody"]),
    ({"project_name": "nowhere"}, ["project nowhere"]),
    ({"user_domain_name": "Nowhere"}, ["domain names"]),
    ({"auth_url": "ks:5000"}, ["auth_url", "ks:5000"]),
    ({"ca_file": "/no/such.pem"}, ["/no/such.pem"]),
    ({"password": "", "password_file": "/no/such/file"}, ["/no/such/file"]),
    ({"username": ""}, ["auth.keystone.username is missing"]),
    ({"surname": "x"}, ["auth.keystone.surname is not known"]),
]


def cindervault(lab: Lab, identity: Identity, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    settings = identity.settings()
    settings["auth.keystone"] |= changes
    server = Server(lab, "not_started", settings | {"policy": {"file": str(lab.dir / "policy.yaml")}})
    server.write_conf()
    return subprocess.run([binary(), *arguments, "--config", server.conf], capture_output=True, text=True, timeout=90,
                          stdin=subprocess.DEVNULL)


@pytest.fixture(autouse=True)
def policy(lab: Lab):
    file = lab.dir / "policy.yaml"
    file.write_text('"backup:get": "role:auditor"\n"ours": [["role:a", "role:b"], "role:c"]\n')
    return file


@pytest.mark.parametrize("command", ["check", "api"])
@pytest.mark.parametrize(("changes", "parts"), WRONG)
def test_what_is_wrong_is_named(lab: Lab, identity: Identity, command: str, changes: dict, parts: list[str]):
    done = cindervault(lab, identity, command, **changes)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert all(part in said for part in parts), said
    assert "not-this-one" not in said


def test_check_logs_in(lab: Lab, identity: Identity):
    done = cindervault(lab, identity, "check", "-f", "json")
    found = {one["what"]: one for one in json.loads(done.stdout)}
    assert found["keystone"]["ok"] and found["policy"]["ok"], found
    assert "2 rules" in found["policy"]["detail"]


def test_check_says_which_role_is_missing(lab: Lab, identity: Identity):
    done = cindervault(lab, identity, "check", "-f", "json", username="demo", project_name="demo")
    found = {one["what"]: one for one in json.loads(done.stdout)}
    assert not found["keystone"]["ok"] and "role service" in found["keystone"]["detail"], found


@pytest.mark.parametrize("command", ["check", "api"])
def test_a_policy_file_with_mistakes(lab: Lab, identity: Identity, command: str, policy):
    policy.write_text('"backup:get": "role:a and"\n"backup:create": "(role:a"\n')
    done = cindervault(lab, identity, command)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    for part in (str(policy), "rule backup:get: ", "rule backup:create: "):
        assert part in said, said


def test_rules_are_listed(lab: Lab, identity: Identity):
    table = cindervault(lab, identity, "policy", "list").stdout
    assert "role:auditor" in table
    rules = {one["rule"]: one for one in json.loads(cindervault(lab, identity, "policy", "list", "-f", "json").stdout)}
    assert rules["backup:get"] == {"rule": "backup:get", "check": "role:auditor", "from": "file"}
    assert rules["ours"]["check"] == "(role:a and role:b) or (role:c)"
    assert rules["backup:create"]["from"] == "default"


@pytest.mark.parametrize(("arguments", "code"), [
    (["--rule", "backup:get", "--roles", "auditor"], 0),
    (["--rule", "backup:get", "--roles", "admin"], 1),
    (["--rule", "backup:create", "--roles", "member", "--project", "p"], 0),
    (["--rule", "backup:create", "--roles", "member", "--project", "p", "--target-project", "q"], 1),
    (["--rule", "backup:create", "--roles", "reader,Admin", "--project", "p", "--target-project", "q"], 0),
    (["--rule", "ours", "--roles", "b,a"], 0),
    (["--rule", "nothing"], 2),
])
def test_a_rule_is_asked(lab: Lab, identity: Identity, arguments: list[str], code: int):
    done = cindervault(lab, identity, "policy", "check", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    if code < 2:
        answer = json.loads(cindervault(lab, identity, "policy", "check", "-f", "json", *arguments).stdout)
        assert answer["allowed"] == (code == 0)
