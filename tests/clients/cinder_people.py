"""What the cinder command tells people who may not, and what it finds of another project's: nothing."""

from __future__ import annotations

import pytest
from command import Said
from disks import Disks
from team import Team, Things


def refused(said: Said, message: str, status: int) -> None:
    """Whichever of its two mouths the client says it with."""
    assert said.code == 1, said
    assert f"{message} (HTTP {status})" in said.out + said.err, said


def forbidden(said: Said, rule: str) -> None:
    refused(said, f"Policy doesn't allow {rule} to be performed.", 403)


def test_a_reader_only_reads(ours: Team):
    Things.of(ours, "our")
    before, reader = ours.state(), ours.reader
    forbidden(reader.cinder("backup-create", "our-volume"), "backup:create")
    forbidden(reader.cinder("backup-update", "our-backup", "--name", "x"), "backup:update")
    forbidden(reader.cinder("backup-restore", "our-backup"), "backup:restore")
    forbidden(reader.cinder("backup-restore", "--volume", "our-volume", "our-backup"), "backup:restore")
    forbidden(reader.cinder("backup-restore", "--volume-type", "__DEFAULT__", "our-backup"), "volume:create")
    forbidden(reader.cinder("backup-delete", "our-backup"), "backup:delete")
    assert [row["Name"] for row in reader.cinder("backup-list").table()] == ["our-backup"]
    assert ours.state() == before


@pytest.mark.parametrize("who", ["member", "reader"])
def test_what_is_an_administrators(ours: Team, who: str):
    things = Things.of(ours, "our")
    before, person = ours.state(), getattr(ours, who)
    forbidden(person.cinder("backup-export", things.backup), "backup:export-import")
    forbidden(person.cinder("backup-import", "cinder.backup.drivers.ceph", "eyJpZCI6IDF9"), "backup:backup-import")
    forbidden(person.cinder("backup-reset-state", "--state", "error", "our-backup"),
              "volume_extension:backup_admin_actions:reset_status")
    forbidden(person.cinder("backup-delete", "--force", "our-backup"),
              "volume_extension:backup_admin_actions:force_delete")
    assert [row["ID"] for row in person.cinder("backup-list", "--all-tenants").table()] == [things.backup]
    refused(person.cinder("backup-list", "--filters", f"project_id={ours.project}"),
            "Invalid filters project_id are found in query options.", 400)
    # Early versions drop such a filter instead: it is no window either.
    assert [row["ID"] for row in person.cinder("backup-list", at="3.0").table()] == [things.backup]
    assert ours.state() == before


@pytest.mark.parametrize("by", ["id", "name"])
@pytest.mark.parametrize("who", ["member", "reader"])
def test_another_projects_backup_is_nowhere(ours: Team, theirs: Team, who: str, by: str):
    things = Things.of(theirs, "their")
    before, person = theirs.state(), getattr(ours, who)
    backup = things.backup if by == "id" else "their-backup"
    nothing = f"No volumebackup with a name or ID of '{backup}' exists."
    person.cinder("backup-show", backup).failed(f"ERROR: {nothing}")
    person.cinder("backup-update", backup, "--name", "x").failed(f"ERROR: {nothing}")
    person.cinder("backup-restore", backup).failed(f"ERROR: {nothing}")
    person.cinder("backup-restore", "--name", "x", "--volume-type", "__DEFAULT__", backup).failed(f"ERROR: {nothing}")
    person.cinder("backup-reset-state", backup).failed(f"ERROR: Reset state for backup {backup} failed: {nothing}")
    for force in ([], ["--force"]):
        assert person.cinder("backup-delete", *force, backup).out == f"Delete for backup {backup} failed: {nothing}\n"
    # These two commands ask for what they were given, without a look first.
    missing = f"Backup {backup} could not be found."
    refused(person.cinder("backup-export", backup), missing, 404)
    refused(person.cinder("backup-list", "--marker", backup), missing, 404)
    assert theirs.state() == before


def test_another_projects_volume_is_nowhere(ours: Team, theirs: Team):
    Things.of(ours, "our")
    things = Things.of(theirs, "their")
    before, own, member = theirs.state(), ours.state(), ours.member
    for volume in (things.volume, "their-volume"):
        nothing = f"ERROR: No volume with a name or ID of '{volume}' exists."
        member.cinder("backup-create", volume).failed(nothing)
        member.cinder("backup-restore", "--volume", volume, "our-backup").failed(nothing)
    refused(member.cinder("backup-create", "--snapshot-id", things.snapshot, "our-volume"),
            f"Snapshot {things.snapshot} could not be found.", 404)
    assert member.cinder("backup-list", "--volume-id", things.volume).table() == []
    assert theirs.state() == before
    assert ours.state() == own


def test_lists_have_ones_own_alone(ours: Team, theirs: Team):
    Things.of(theirs, "their")
    Things.of(ours, "our")
    for person in (ours.member, ours.reader):
        for more in (["--all-tenants"], ["--all-tenants", "--sort", "id:asc"], ["--status", "available"]):
            assert [row["Name"] for row in person.cinder("backup-list", *more).table()] == ["our-backup"], more
        counted = person.cinder("backup-list", "--with-count", "--all-tenants").ok()
        assert counted.splitlines()[-1] == "Backup in total: 1"
        for more in (["--name", "their-backup"], ["--filters", "name=their-backup"]):
            assert person.cinder("backup-list", *more).table() == [], more


def test_an_administrator_finds_what_is_another_projects(ours: Team, theirs: Team, disks: Disks):
    volume = theirs.tenant.volume(name="their-volume")
    content = disks.write(volume)
    backup = theirs.tenant.backup(volume, name="their-backup")
    # This client looks for names in all projects when an administrator asks.
    for name in (backup, "their-backup"):
        assert backup in ours.admin.cinder("backup-show", name).ok()
    ours.admin.cinder("backup-update", backup, "--name", "renamed").ok()
    ours.admin.cinder("backup-reset-state", "--state", "error", "renamed").ok()
    assert (theirs.shown(backup)["name"], theirs.shown(backup)["status"]) == ("renamed", "error")
    ours.admin.cinder("backup-reset-state", backup).ok()
    # Onto the volume that it is of, from another project.
    disks.write(volume)
    ours.admin.cinder("backup-restore", "--volume", volume, backup).ok()
    theirs.rest.await_status("volume", volume, "available")
    disks.must_hold(volume, content)
    ours.admin.cinder("backup-delete", backup).ok()
    theirs.rest.await_gone("backup", backup)
    assert theirs.rest.quota_in_use()["backups"] == 0
