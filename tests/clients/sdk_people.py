"""Which exceptions openstacksdk raises for people who may not, and that another project's things are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from openstack import exceptions
from team import Person, Team, Things

ACTIONS = "volume_extension:backup_admin_actions"
Call = Callable[[Person, Things], Any]

MEMBERS: dict[str, list[Call]] = {
    "backup:create": [
        lambda who, own: who.volumes.create_backup(volume_id=own.volume),
        lambda who, own: who.cloud.create_volume_backup(own.volume, wait=False),
    ],
    "backup:update": [lambda who, own: who.volumes.update_backup(own.backup, name="x")],
    "backup:restore": [
        lambda who, own: who.volumes.restore_backup(own.backup, name="x"),
        lambda who, own: who.volumes.restore_backup(own.backup, volume=own.volume),
    ],
    "backup:delete": [
        lambda who, own: who.volumes.delete_backup(own.backup),
        lambda who, own: who.cloud.delete_volume_backup("our-backup"),
    ],
}
ADMINS: dict[str, list[Call]] = {
    "backup:export-import": [lambda who, own: who.volumes.export_backup(own.backup)],
    "backup:backup-import": [lambda who, own: who.volumes.import_backup("cinder", "eyJpZCI6IDF9")],
    f"{ACTIONS}:reset_status": [lambda who, own: who.volumes.reset_backup_status(own.backup, "error")],
    f"{ACTIONS}:force_delete": [lambda who, own: who.volumes.delete_backup(own.backup, force=True)],
}


@pytest.mark.parametrize(("who", "rules"), [("reader", MEMBERS | ADMINS), ("member", ADMINS)])
def test_what_is_forbidden(ours: Team, who: str, rules: dict[str, list[Call]]):
    own, person = Things.of(ours, "our"), getattr(ours, who)
    before = ours.state()
    for rule, calls in rules.items():
        for call in calls:
            with pytest.raises(exceptions.ForbiddenException) as refused:
                call(person, own)
            assert (refused.value.status_code, refused.value.details) == (
                403, f"Policy doesn't allow {rule} to be performed.")
    assert ours.state() == before


BACKUPS: list[Call] = [
    lambda who, their: who.volumes.get_backup(their.backup),
    lambda who, their: who.volumes.update_backup(their.backup, name="x"),
    lambda who, their: who.volumes.delete_backup(their.backup, ignore_missing=False),
    lambda who, their: who.volumes.delete_backup(their.backup, force=True),
    lambda who, their: who.volumes.restore_backup(their.backup, name="x"),
    lambda who, their: who.volumes.export_backup(their.backup),
    lambda who, their: who.volumes.reset_backup_status(their.backup, "error"),
    lambda who, their: list(who.volumes.backups(marker=their.backup)),
]


@pytest.mark.parametrize("who", ["member", "reader"])
def test_another_projects_backup_is_not_there(ours: Team, theirs: Team, who: str):
    """404 in the words for what nobody has, whether a rule would refuse it or not."""
    their, person, before = Things.of(theirs, "their"), getattr(ours, who), theirs.state()
    for call in BACKUPS:
        with pytest.raises(exceptions.NotFoundException) as refused:
            call(person, their)
        assert (refused.value.status_code, refused.value.details) == (404, f"Backup {their.backup} could not be found.")
    for name in (their.backup, "their-backup"):
        assert person.volumes.find_backup(name) is None
        assert person.cloud.get_volume_backup(name) is None
        assert person.cloud.delete_volume_backup(name) is False
    person.volumes.delete_backup(their.backup)  # as of what is gone
    assert list(person.volumes.backups(all_projects=True)) == []
    assert list(person.volumes.backups(all_projects=True, volume_id=their.volume)) == []
    assert theirs.state() == before


def test_another_projects_volume_is_not_there(ours: Team, theirs: Team):
    own, their = Things.of(ours, "our"), Things.of(theirs, "their")
    mine, before, member = ours.state(), theirs.state(), ours.member.volumes
    volume, snapshot = f"Volume {their.volume} could not be found.", f"Snapshot {their.snapshot} could not be found."
    for call, message in (
            (lambda: member.create_backup(volume_id=their.volume), volume),
            (lambda: member.create_backup(volume_id=their.volume, snapshot_id=their.snapshot), volume),
            (lambda: member.create_backup(volume_id=own.volume, snapshot_id=their.snapshot), snapshot),
            (lambda: member.restore_backup(own.backup, volume=their.volume), volume),
            (lambda: member.create_volume(size=1, backup_id=their.backup), f"Backup {their.backup} could not be found.")):
        with pytest.raises(exceptions.NotFoundException) as refused:
            call()
        assert refused.value.details == message
    assert (ours.state(), theirs.state()) == (mine, before)


def test_an_administrator_finds_what_is_another_projects(ours: Team, theirs: Team):
    their, admin = Things.of(theirs, "their"), ours.admin.volumes
    assert admin.get_backup(their.backup).project_id == theirs.project
    assert admin.find_backup("their-backup") is None
    assert [backup.id for backup in admin.backups()] == []
    assert their.backup in {backup.id for backup in admin.backups(all_projects=True)}
    admin.reset_backup_status(their.backup, "error")
    assert theirs.shown(their.backup)["status"] == "error"
    admin.delete_backup(their.backup)
    theirs.rest.await_gone("backup", their.backup)
