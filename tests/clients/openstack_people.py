"""What the openstack command tells people who may not, and what it finds of another project's: nothing."""

from __future__ import annotations

import pytest
from command import Said
from disks import Disks
from team import Person, Team, Things


def forbidden(said: Said, url: str, rule: str) -> None:
    """The client passes on who forbids what; the last line is the reason or, for commands that go on, a summary."""
    assert said.code != 0, said
    reason = f"ForbiddenException: 403: Client Error for url: {url}, Policy doesn't allow {rule} to be performed."
    assert any(line.endswith(reason) for line in said.err.splitlines()), said


def test_a_reader_only_reads(ours: Team):
    things = Things.of(ours, "our")
    own, create, restore = ours.url(f"/backups/{things.backup}"), ours.url("/backups"), "backup:restore"
    before, reader = ours.state(), ours.reader
    for said, url, rule in [  # all of them run at once, here and below
            (reader.openstack("volume backup create", "our-volume"), create, "backup:create"),
            (reader.openstack("volume backup create", "--snapshot", things.snapshot, "our-volume"), create, "backup:create"),
            (reader.openstack("volume backup set", "--name", "x", "our-backup"), own, "backup:update"),
            (reader.openstack("volume backup restore", "our-backup", "new"), f"{own}/restore", restore),
            (reader.openstack("volume backup restore", "--force", "our-backup", "our-volume"), f"{own}/restore", restore),
            (reader.openstack("volume backup delete", "our-backup"), own, "backup:delete")]:
        forbidden(said, url, rule)
    assert ours.state() == before


@pytest.mark.parametrize("who", ["member", "reader"])
def test_what_is_an_administrators(ours: Team, who: str):
    things = Things.of(ours, "our")
    own, actions = ours.url(f"/backups/{things.backup}"), "volume_extension:backup_admin_actions"
    before, person = ours.state(), getattr(ours, who)
    # Whoever may not look into all projects is not told, and sees one's own.
    everywhere = person.openstack("volume backup list", "--all-projects", "-f", "json")
    # A project is Keystone's to find.
    elsewhere = person.openstack("volume backup list", "--project", "demo")
    for said, url, rule in [
            (person.openstack("volume backup record export", "our-backup"), f"{own}/export_record", "backup:export-import"),
            (person.openstack("volume backup record import", "cinder.backup.drivers.ceph", "eyJpZCI6IDF9"),
             ours.url("/backups/export_record"), "backup:backup-import"),
            (person.openstack("volume backup set", "--state", "error", "our-backup", at="3.0"), f"{own}/action",
             f"{actions}:reset_status"),
            (person.openstack("volume backup delete", "--force", "our-backup"), f"{own}/action", f"{actions}:force_delete")]:
        forbidden(said, url, rule)
    assert [row["ID"] for row in everywhere.json()] == [things.backup]
    assert elsewhere.code == 1
    assert "You are not authorized to perform the requested action: identity:list_projects." in elsewhere.err
    assert ours.state() == before


@pytest.mark.parametrize(("who", "by"), [("member", "id"), ("member", "name"), ("reader", "id")])
def test_another_projects_backup_is_nowhere(ours: Team, theirs: Team, who: str, by: str):
    things = Things.of(theirs, "their")
    before, person = theirs.state(), getattr(ours, who)
    backup = things.backup if by == "id" else "their-backup"
    nothing = f"No Backup found for {backup}"
    deleted = person.openstack("volume backup delete", backup)
    for said in [person.openstack("volume backup show", backup),
                 person.openstack("volume backup set", "--name", "x", backup),
                 person.openstack("volume backup unset", "--property", "k", backup),
                 person.openstack("volume backup restore", backup, "new"),
                 person.openstack("volume backup record export", backup),
                 person.openstack("volume backup list", "--marker", backup)]:
        said.failed(nothing)
    assert deleted.err.splitlines() == [f"Failed to delete backup with name or ID '{backup}': {nothing}",
                                        "1 of 1 backups failed to delete."]
    assert theirs.state() == before


@pytest.mark.parametrize("by", ["id", "name"])
def test_another_projects_volume_is_nowhere(ours: Team, theirs: Team, by: str):
    own, things = Things.of(ours, "our"), Things.of(theirs, "their")
    before, member = theirs.state(), ours.member
    volume = things.volume if by == "id" else "their-volume"
    of_snapshot = member.openstack("volume backup create", "--snapshot", things.snapshot, "our-volume")
    for said in [member.openstack("volume backup create", volume),
                 member.openstack("volume backup create", "--force", "--incremental", volume),
                 member.openstack("volume backup list", "--volume", volume)]:
        said.failed(f"No Volume found for {volume}")
    of_snapshot.failed(f"No Snapshot found for {things.snapshot}")
    # A volume that the client can not find is one to be made, of this name.
    made = member.openstack("volume backup restore", "--force", "our-backup", volume, "-f", "json").json()
    assert made["volume_id"] not in (things.volume, own.volume)
    ours.rest.await_status("volume", made["volume_id"], "available")
    assert ours.rest.show("volume", made["volume_id"])["name"] == volume
    assert theirs.state() == before


def test_lists_have_ones_own_alone(ours: Team, theirs: Team):
    things, own = Things.of(theirs, "their"), Things.of(ours, "our")
    queries = {(): [own.backup], ("--all-projects",): [own.backup], ("--long",): [own.backup],
               ("--name", "their-backup"): [], ("--limit", "1", "--marker", "our-backup"): []}
    said = {(person, query): person.openstack("volume backup list", *query, "-f", "json")
            for person in (ours.member, ours.reader) for query in queries}
    for (_, query), answer in said.items():
        assert [row["ID"] for row in answer.json()] == queries[query], answer
    assert theirs.shown(things.backup)["status"] == "available"


def test_an_administrator_finds_what_is_another_projects(ours: Team, theirs: Team, disks: Disks):
    """By id; a name is looked for in one's own project."""
    volume = theirs.tenant.volume(name="their-volume")
    content = disks.write(volume)
    backup = theirs.tenant.backup(volume, name="their-backup")
    admin: Person = ours.admin
    seen = admin.openstack("volume backup show", backup, "-f", "json").json()
    assert (seen["id"], seen["project_id"]) == (backup, theirs.project)
    admin.openstack("volume backup show", "their-backup").failed("No Backup found for their-backup")
    admin.openstack("volume backup set", "--state", "error", backup).ok()
    assert theirs.shown(backup)["status"] == "error"
    admin.openstack("volume backup set", "--state", "available", "--name", "renamed", backup).ok()
    # What is restored is who restores it's.
    made = admin.openstack("volume backup restore", backup, "taken", "-f", "json").json()
    ours.rest.await_status("volume", made["volume_id"], "available")
    disks.must_hold(made["volume_id"], content)
    assert ours.rest.quota_in_use()["volumes"] == 1
    admin.openstack("volume backup delete", backup).ok()
    theirs.rest.await_gone("backup", backup)
    assert theirs.rest.quota_in_use()["backups"] == 0
