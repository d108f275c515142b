"""An operator's policy file, changed under a running service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conformance.people import People
from waiting import until
from conformance.wire import Answer, Client
from things import Things


@pytest.fixture
def rules(policy_file: Path) -> Iterator[Callable[[str], object]]:
    """Writes the file; empty again afterwards."""
    yield policy_file.write_text
    policy_file.write_text("")


def soon(look: Callable[[], Answer], status: int) -> Answer:
    """The answer, once the changed rules are in force."""
    return until(look, lambda answer: answer.status == status, f"an answer of {status}")


def test_a_changed_rule_is_in_force_within_seconds(ours: People, rules: Callable[[str], object]):
    def listed() -> Answer:
        return ours.reader.get("/backups")

    listed().expect(200)
    rules('"backup:get_all": "role:auditor"\n')
    soon(listed, 403).forbidden("backup:get_all")
    ours.admin.get("/backups").forbidden("backup:get_all")
    rules("backup:get_all: role:auditor or\n")  # a mistake changes nothing
    rules("backup:get_all: role:reader\nbackup:get: '!'\n")
    soon(listed, 200)
    ours.admin.get(f"/backups/{Things.of(ours).backup}").forbidden("backup:get")
    rules("")
    backup = Things.of(ours).backup
    soon(lambda: ours.reader.get(f"/backups/{backup}"), 200)


def test_a_broken_file_leaves_the_rules_as_they_were(ours: People, rules: Callable[[str], object]):
    rules("backup:get_all: '!'\n")
    soon(lambda: ours.reader.get("/backups"), 403)
    log = ours.server.log("api")
    told = log.read_text().count("rule backup:get_all: ")
    rules("backup:get_all: role:reader and\n")
    until(log.read_text, lambda text: text.count("rule backup:get_all: ") > told, "the log to tell")
    ours.reader.get("/backups").forbidden("backup:get_all")


def test_who_made_it(ours: People, rules: Callable[[str], object]):
    """`%(user_id)s` is the thing's, not the caller's."""
    login = ours.identity.login(ours.name, ours.project, ("member", "reader"))
    member, backup = Client(ours.server.base, ours.project, login.token), Things.of(ours).backup
    mine = ours.rows.backup(user_id=login.user_id)
    rules('"backup:update": "user_id:%(user_id)s"\n')
    body = {"backup": {"name": "x"}}
    soon(lambda: member.at("3.9").put(f"/backups/{backup}", body), 403).forbidden("backup:update")
    member.at("3.9").put(f"/backups/{mine}", body).expect(200)
    ours.admin.at("3.9").put(f"/backups/{mine}", body).forbidden("backup:update")


def test_who_is_an_administrator(ours: People, theirs: People, rules: Callable[[str], object]):
    """`context_is_admin` decides what the role's name decides otherwise."""
    their = Things.of(theirs).backup
    ours.member.get(f"/backups/{their}").not_found(f"Backup {their} could not be found.")
    rules('"context_is_admin": "role:member and not role:admin"\n')
    soon(lambda: ours.member.get("/os-services"), 200)
    ours.member.at("3.18").get("/backups?all_tenants=1").expect(200)
    ours.reader.get("/os-services").forbidden("volume_extension:services:index")
