"""`cinder backup-…`, every command with every option, by those who may."""

from __future__ import annotations

import base64
import json

import pytest
from command import Said
from disks import Disks
from team import Team

DRIVER = "cinder.backup.drivers.ceph.CephBackupDriver"


def properties(said: Said) -> dict[str, str]:
    return {row["Property"]: row["Value"] for row in said.table()}


def made(said: Said, team: Team, status: str = "available") -> str:
    backup = properties(said)["id"]
    team.rest.await_status("backup", backup, status)
    return backup


def listed(said: Said) -> list[str]:
    return [row["Name"] for row in said.table()]


def test_create(ours: Team, disks: Disks):
    volume = ours.tenant.volume(name="data")
    disks.write(volume)
    said = ours.member.cinder(
        "backup-create", "--name", "full", "--description", "the first of them", "--container", "backups",
        "--availability-zone", "nova", "--metadata", "a=b", "c=d", "--", "data", at="3.51")
    assert (properties(said)["name"], properties(said)["volume_id"]) == ("full", volume)
    full = made(said, ours)
    # The old names of two options.
    more = made(ours.member.cinder("backup-create", "--display-name", "more", "--display-description", "the second",
                                   "--incremental", volume, at="3.0"), ours)
    snapshot = ours.tenant.snapshot(volume)
    ours.tenant.attach(volume)
    still = made(ours.member.cinder("backup-create", "--snapshot-id", snapshot, "data"), ours)
    refused = ours.member.cinder("backup-create", "data")
    assert refused.code == 1
    assert refused.err.startswith("ERROR: Invalid volume: Backing up an in-use volume must use the force flag. (HTTP 400)")
    forced = made(ours.member.cinder("backup-create", "--force", "data"), ours)
    assert ours.rest.show("volume", volume)["status"] == "in-use"
    seen = ours.shown(full)
    assert {key: seen[key] for key in ("name", "description", "container", "metadata", "availability_zone")} == {
        "name": "full", "description": "the first of them", "container": "backups", "metadata": {"a": "b", "c": "d"},
        "availability_zone": "nova"}
    seen = ours.shown(more)
    assert (seen["name"], seen["description"], seen["is_incremental"]) == ("more", "the second", True)
    assert [(ours.shown(one)["is_incremental"], ours.shown(one)["snapshot_id"]) for one in (still, forced)] == [
        (False, snapshot), (False, None)]


@pytest.mark.parametrize(("at", "option"), [("3.42", "--metadata"), ("3.50", "--availability-zone")])
def test_create_with_options_of_later_versions(ours: Team, at: str, option: str):
    """Below its version the client refuses the option itself."""
    volume = ours.tenant.volume()
    needed = {"3.42": "3.43", "3.50": "3.51"}[at]
    ours.member.cinder("backup-create", volume, option, "a=b", at=at).failed(
        f"ERROR: '{option}' argument is only allowed since microversion {needed}.")
    assert ours.rest.get("/backups")["backups"] == []


SHOWN = {"availability_zone", "container", "created_at", "data_timestamp", "description", "fail_reason",
         "has_dependent_backups", "id", "is_incremental", "name", "object_count", "size", "snapshot_id", "status",
         "updated_at", "volume_id"}


def test_show(ours: Team):
    volume = ours.tenant.volume(name="data")
    backup = ours.tenant.backup(volume, name="b")
    for person in (ours.member, ours.reader):
        for name in ("b", backup):
            seen = properties(person.cinder("backup-show", name, at="3.42"))
            assert set(seen) == SHOWN
            assert (seen["id"], seen["status"], seen["volume_id"], seen["size"]) == (backup, "available", volume, "1")
    project = "os-backup-project-attr:project_id"
    for version, more in (("3.17", set()), ("3.18", {project}), ("3.43", {project, "metadata"}),
                          ("3.56", {project, "metadata", "user_id"})):
        assert set(properties(ours.admin.cinder("backup-show", "b", at=version))) == SHOWN | more, version
    ours.reader.cinder("backup-show", "nothing").failed("ERROR: No volumebackup with a name or ID of 'nothing' exists.")


def test_list(ours: Team, theirs: Team):
    data, other = ours.tenant.volume(name="data"), ours.tenant.volume(name="other")
    ours.tenant.backup(data, name="one")
    ours.tenant.backup(data, name="two", incremental=True)
    three = ours.tenant.backup(other, name="three", description="a still one")
    ours.tenant.reset("backup", three, "error")
    theirs.tenant.backup(theirs.tenant.volume(), name="theirs")

    everything = ours.reader.cinder("backup-list", "--sort", "created_at", at="3.0").table()
    assert [(row["Name"], row["Volume ID"], row["Status"], row["Size"], row["Object Count"], row["Container"])
            for row in everything] == [
        ("three", other, "error", "1", "0", "backups"), ("two", data, "available", "1", "0", "backups"),
        ("one", data, "available", "1", "0", "backups")]
    # `name` goes out as `display_name`
    assert listed(ours.member.cinder("backup-list", "--sort", "name:asc")) == ["one", "three", "two"]
    assert listed(ours.member.cinder("backup-list", "--sort", "status:desc,data_timestamp:asc")) == ["three", "one", "two"]
    assert listed(ours.member.cinder("backup-list", "--name", "two")) == ["two"]
    assert listed(ours.member.cinder("backup-list", "--status", "error")) == ["three"]
    for option in ("--volume-id", "--volume_id"):
        assert set(listed(ours.member.cinder("backup-list", option, data))) == {"one", "two"}
    assert listed(ours.member.cinder("backup-list", "--limit", "1", "--sort", "created_at:asc")) == ["one"]
    assert listed(ours.member.cinder("backup-list", "--marker", three, "--sort", "created_at")) == ["two", "one"]
    assert listed(ours.member.cinder("backup-list", "--filters", "status=error", "name=three")) == ["three"]
    counted = ours.member.cinder("backup-list", "--limit", "1", "--with-count", at="3.45")
    assert counted.ok().splitlines()[-1] == "Backup in total: 3"
    # Only administrators may look for what is alike.
    assert listed(ours.admin.cinder("backup-list", "--filters", "name~=t", "--sort", "name:asc")) == ["three", "two"]
    refused = ours.member.cinder("backup-list", "--filters", "name~=t")
    assert refused.err.startswith("ERROR: Invalid filters name~ are found in query options. (HTTP 400)")
    for option in ("--all-tenants", "--all_tenants"):
        assert set(listed(ours.member.cinder("backup-list", option))) == {"one", "two", "three"}
    # Of the two names, the later one overwrites what the first was given in this client.
    assert {"one", "theirs"} <= set(listed(ours.admin.cinder("backup-list", "--all-tenants", "1")))
    assert listed(ours.admin.cinder("backup-list", "--all-tenants", "--filters", f"project_id={theirs.project}")) == ["theirs"]


def test_update(ours: Team):
    backup = ours.tenant.backup(ours.tenant.volume(), name="b", metadata={"a": "1"})

    def seen() -> tuple:
        found = ours.shown(backup)
        return found["name"], found["description"], found["metadata"]

    accepted = ours.member.cinder("backup-update", "b", "--name", "c", "--description", "of it", at="3.9")
    assert accepted.ok() == "Request to update backup 'b' has been accepted.\n"
    assert seen() == ("c", "of it", {"a": "1"})
    ours.member.cinder("backup-update", "c", "--metadata", "b=2", "c=3", at="3.43").ok()
    assert seen() == ("c", "of it", {"b": "2", "c": "3"})
    ours.member.cinder("backup-update", "c").failed(
        "ERROR: Must supply at least one: name, description or metadata.")
    said = ours.member.cinder("backup-update", "c", "--name", "x", at="3.8")
    assert said.code == 2
    assert "invalid choice: 'backup-update'" in said.err
    assert seen() == ("c", "of it", {"b": "2", "c": "3"})


def test_restore(ours: Team, disks: Disks):
    data = ours.tenant.volume(name="data")
    first = disks.write(data)
    full = ours.tenant.backup(data, name="full")
    second = disks.write(data)
    more = ours.tenant.backup(data, name="more", incremental=True)
    disks.write(data)

    said = properties(ours.member.cinder("backup-restore", "--name", "again", "full"))
    assert (said["backup_id"], said["volume_name"]) == (full, "again")
    ours.rest.await_status("volume", said["volume_id"], "available")
    disks.must_hold(said["volume_id"], first)
    # Without a name the volume gets the source's.
    said = properties(ours.member.cinder("backup-restore", "more", at="3.0"))
    assert said["volume_name"] == f"restore_backup_{more}"
    ours.rest.await_status("volume", said["volume_id"], "available")
    disks.must_hold(said["volume_id"], second)
    assert ours.rest.show("volume", said["volume_id"])["name"] == "data"
    # Of a name and a volume the volume counts.
    said = ours.member.cinder("backup-restore", "--volume", data, "--name", "ignored", "full")
    assert said.ok().startswith("Mutually exclusive options are specified simultaneously")
    ours.rest.await_status("volume", data, "available")
    disks.must_hold(data, first)
    assert ours.rest.show("volume", data)["name"] == "data"
    ours.rest.await_status("backup", more, "available")
    ours.member.cinder("backup-restore", "--volume", data, more).ok()
    ours.rest.await_status("volume", data, "available")
    disks.must_hold(data, second)


def test_restore_to_a_volume_of_a_type(ours: Team, disks: Disks):
    """The client makes the volume, from the backup."""
    volume = ours.tenant.volume(name="data")
    content = disks.write(volume)
    backup = ours.tenant.backup(volume, name="b")
    wanted = ours.rest.get("/types/default")["volume_type"]["name"]
    said = properties(ours.member.cinder("backup-restore", "--volume-type", wanted, "--name", "typed", "b", at="3.47"))
    assert (said["backup_id"], said["volume_name"]) == (backup, "typed")
    seen = ours.rest.await_status("volume", said["volume_id"], "available")
    assert (seen["volume_type"], seen["name"]) == (wanted, "typed")
    disks.must_hold(said["volume_id"], content)
    ours.rest.await_status("backup", backup, "available")
    said = properties(ours.member.cinder("backup-restore", "--availability-zone", "nova", "b"))
    ours.rest.await_status("volume", said["volume_id"], "available")
    before = ours.state()
    ours.member.cinder("backup-restore", "--availability-zone", "nova", "--volume", volume, "b").failed(
        'ERROR: The "volume-type" and "availability-zone" options are not valid when used with the "volume" option.')
    refused = ours.member.cinder("backup-restore", "--availability-zone", "mars", "b")
    assert refused.err.startswith("ERROR: Availability zone 'mars' is invalid. (HTTP 400)")
    assert ours.state() == before


def test_delete(ours: Team):
    volume = ours.tenant.volume()
    full = ours.tenant.backup(volume, name="full")
    more = ours.tenant.backup(volume, name="more", incremental=True)
    plain = ours.tenant.backup(ours.tenant.volume(), name="plain")
    said = ours.member.cinder("backup-delete", "full")
    said.failed("ERROR: Unable to delete any of the specified backups.")
    assert said.out.startswith("Delete for backup full failed: Invalid backup: Incremental backups exist for this backup. "
                               "(HTTP 400)")
    said = ours.member.cinder("backup-delete", "plain", "nothing")
    assert said.ok().splitlines() == [
        "Request to delete backup plain has been accepted.",
        "Delete for backup nothing failed: No volumebackup with a name or ID of 'nothing' exists."]
    ours.rest.await_gone("backup", plain)
    said = ours.admin.cinder("backup-delete", "--force", more)
    said.failed("ERROR: Unable to delete any of the specified backups.")
    assert said.out.startswith(f"Delete for backup {more} failed: Operation not supported: force delete. (HTTP 405)")
    for one in (more, full):
        ours.member.cinder("backup-delete", one).ok()
        ours.rest.await_gone("backup", one)
    assert ours.rest.quota_in_use()["backups"] == 0


def test_reset_state(ours: Team):
    one, two = (ours.tenant.backup(ours.tenant.volume(), name=name) for name in ("one", "two"))

    def seen() -> list[str]:
        return [ours.shown(backup)["status"] for backup in (one, two)]

    ours.admin.cinder("backup-reset-state", "--state", "error", "one", two).ok()
    assert seen() == ["error", "error"]
    # Without a state the client says `available`.
    said = ours.admin.cinder("backup-reset-state", "one", "nothing")
    assert said.ok().startswith("Request to update backup 'one' has been accepted.\nReset state for backup nothing failed: ")
    assert seen() == ["available", "error"]
    said = ours.admin.cinder("backup-reset-state", "--state", "creating", "one")
    assert said.err.startswith("ERROR: Reset state for backup one failed: ")
    assert "(HTTP 400)" in said.err
    assert seen() == ["available", "error"]


def test_export_and_import(ours: Team, theirs: Team, disks: Disks):
    """What was forgotten is known again, to whoever takes its record in; its bytes were never gone."""
    volume = ours.tenant.volume(name="data")
    first = disks.write(volume)
    full = ours.tenant.backup(volume, name="full", metadata={"k": "v"})
    second = disks.write(volume)
    more = ours.tenant.backup(volume, name="more", incremental=True)
    records = [properties(ours.admin.cinder("backup-export", backup)) for backup in (full, more)]
    assert {record["backup_service"] for record in records} == {DRIVER}
    assert json.loads(base64.b64decode(records[1]["backup_url"]))["parent_id"] == full
    refused = ours.admin.cinder("backup-import", DRIVER, records[0]["backup_url"])
    assert refused.err.startswith("ERROR: Invalid backup: Backup already exists in database. (HTTP 400)")
    ours.server.sql(f"UPDATE backups SET status = 'deleted', deleted_at = now() WHERE project_id = '{ours.project}'")
    for record, backup in zip(records, (full, more), strict=True):
        assert properties(theirs.admin.cinder("backup-import", record["backup_service"], record["backup_url"]))["id"] == backup
        theirs.rest.await_status("backup", backup, "available")
    seen = theirs.shown(full)
    assert (seen["name"], seen["metadata"], seen["volume_id"], seen["os-backup-project-attr:project_id"]) == (
        "full", {"k": "v"}, volume, theirs.project)
    assert ours.rest.get("/backups")["backups"] == []
    for backup, content in ((full, first), (more, second)):
        made = properties(theirs.member.cinder("backup-restore", "--name", "from elsewhere", backup))["volume_id"]
        theirs.rest.await_status("volume", made, "available")
        disks.must_hold(made, content)


def test_import_of_another_drivers_record(ours: Team, disks: Disks):
    """Whoever the record says has made it: an import makes it ours, and a restore finds that the bytes are not here."""
    volume = ours.tenant.volume(name="data")
    backup = ours.tenant.backup(volume)
    record = json.loads(base64.b64decode(properties(ours.admin.cinder("backup-export", backup))["backup_url"]))
    ours.rest.delete(f"/backups/{backup}")
    ours.rest.await_gone("backup", backup)
    nfs = "cinder.backup.drivers.nfs.NFSBackupDriver"
    url = base64.b64encode(json.dumps(record | {"service": nfs}).encode()).decode()
    made(ours.admin.cinder("backup-import", nfs, url), ours, "error")
    assert ours.shown(backup)["fail_reason"].startswith("Import record failed, cannot find backup service")
    ours.member.cinder("backup-delete", backup).ok()
    ours.rest.await_gone("backup", backup)
    # The beginning of the driver's name is enough.
    made(ours.admin.cinder("backup-import", "cinder.backup", url), ours)
    content = disks.write(volume)
    ours.member.cinder("backup-restore", "--volume", "data", backup).ok()
    assert ours.rest.await_error("volume", volume)["status"] == "error_restoring"
    disks.must_hold(volume, content)
    assert ours.shown(backup)["status"] == "available"
    # A row that names another driver all the same is not touched.
    ours.people.rows.set("backups", backup, service=nfs)
    target = ours.tenant.volume(name="target")
    ours.member.cinder("backup-restore", "--volume", target, backup).ok()
    assert ours.rest.await_error("volume", target)["status"] == "error"
    refused = ours.admin.cinder("backup-export", backup)
    assert refused.err.startswith("ERROR: Invalid backup: Export record aborted, the backup service currently configured")
    ours.member.cinder("backup-delete", backup).ok()
    assert ours.rest.await_error("backup", backup)["status"] == "error"
    ours.people.rows.set("backups", backup, service=DRIVER)
