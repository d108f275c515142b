"""`openstack volume backup`, every command with every option, by those who may."""

from __future__ import annotations

import pytest
from command import Said
from disks import Disks
from team import Team

CREATED = ("id", "name", "volume_id")


def made(said: Said, team: Team, status: str = "available") -> str:
    """The id of the backup that was made, once it is there."""
    backup = said.json()["id"]
    team.rest.await_status("backup", backup, status)
    return backup


def names(said: Said) -> list[str]:
    return [row["Name"] for row in said.json()]


def test_create_says_what_was_asked_for(ours: Team, disks: Disks):
    volume = ours.tenant.volume(name="data")
    disks.write(volume)
    said = ours.member.openstack(
        "volume backup create", "--name", "full", "--description", "the first of them", "--container", "backups",
        "--property", "a=b", "--property", "c=d e", "--availability-zone", "nova", "--no-incremental", "data", "-f", "json",
        at="3.51")
    assert tuple(said.json()) == CREATED
    assert (said.json()["name"], said.json()["volume_id"]) == ("full", volume)
    full = made(said, ours)
    more = made(ours.member.openstack("volume backup create", "--incremental", "--name", "more", volume, "-f", "json"), ours)
    snapshot = ours.tenant.snapshot(volume)
    ours.rest.put(f"/snapshots/{snapshot}", {"snapshot": {"name": "still"}})
    ours.tenant.attach(volume)
    # A snapshot needs no force, whatever its volume does.
    still = made(ours.member.openstack("volume backup create", "--snapshot", "still", "data", "-f", "json"), ours)
    refused = ours.member.openstack("volume backup create", "data")
    refused.failed(f"BadRequestException: 400: Client Error for url: {ours.url('/backups')}, Invalid volume: Backing up an "
                   "in-use volume must use the force flag.")
    forced = made(ours.member.openstack("volume backup create", "--force", "data", "-f", "json"), ours)
    assert ours.rest.show("volume", volume)["status"] == "in-use"
    seen = ours.shown(full)
    assert {key: seen[key] for key in ("name", "description", "container", "metadata", "availability_zone")} == {
        "name": "full", "description": "the first of them", "container": "backups", "metadata": {"a": "b", "c": "d e"},
        "availability_zone": "nova"}
    assert [(ours.shown(one)["is_incremental"], ours.shown(one)["snapshot_id"]) for one in (full, more, still, forced)] == [
        (False, None), (True, None), (False, snapshot), (False, None)]


def test_options_of_later_versions(ours: Team):
    """The client itself refuses what the version that it was told to speak can not carry."""
    ours.tenant.volume(name="data")
    member = ours.member
    backup = made(member.openstack("volume backup create", "--name", "plain", "data", "-f", "json", at="3.0"), ours)
    for said, version, option in [
            (member.openstack("volume backup create", "--property", "a=b", "data", at="3.42"), "3.43", "--property"),
            (member.openstack("volume backup create", "--availability-zone", "nova", "data", at="3.50"), "3.51",
             "--availability-zone"),
            (member.openstack("volume backup set", "--name", "x", "plain", at="3.8"), "3.9", "--name"),
            (member.openstack("volume backup set", "--description", "x", "plain", at="3.8"), "3.9", "--description"),
            (member.openstack("volume backup set", "--property", "a=b", "plain", at="3.42"), "3.43", "--property"),
            (member.openstack("volume backup set", "--no-property", "plain", at="3.42"), "3.43", "--no-property"),
            (member.openstack("volume backup unset", "--property", "a", "plain", at="3.42"), "3.43", "--property")]:
        said.failed(f"--os-volume-api-version {version} or greater is required to support the {option} option")
    assert len(ours.rest.get("/backups")["backups"]) == 1
    assert (ours.shown(backup)["name"], ours.shown(backup)["metadata"]) == ("plain", {})


def test_a_zone_and_a_container_that_are_not_there(ours: Team):
    ours.tenant.volume(name="data")
    mars = made(ours.member.openstack("volume backup create", "--availability-zone", "mars", "data", "-f", "json"), ours,
                "error")
    assert ours.shown(mars)["fail_reason"] == "Service not found for creating backup."
    nowhere = made(ours.member.openstack("volume backup create", "--container", "nowhere", "data", "-f", "json"), ours, "error")
    assert "nowhere" in ours.shown(nowhere)["fail_reason"]
    assert ours.rest.get("/volumes/detail")["volumes"][0]["status"] == "available"
    # As in Cinder, only a service in its zone could delete it.
    ours.member.openstack("volume backup delete", mars).failed("1 of 1 backups failed to delete.")
    ours.people.rows.set("backups", mars, availability_zone="nova")


SHOWN = {"availability_zone", "container", "created_at", "data_timestamp", "description", "encryption_key_id",
         "fail_reason", "has_dependent_backups", "id", "is_incremental", "metadata", "name", "object_count", "project_id",
         "size", "snapshot_id", "status", "updated_at", "user_id", "volume_id"}


def test_show(ours: Team):
    volume = ours.tenant.volume(name="data")
    backup = ours.tenant.backup(volume, name="b", metadata={"k": "v"})
    for said in [person.openstack("volume backup show", "b", "-f", "json") for person in (ours.member, ours.reader)]:
        seen = said.json()
        assert set(seen) == SHOWN
        # Who made it is an administrator's to know.
        assert {key: seen[key] for key in ("id", "status", "size", "volume_id", "metadata", "project_id", "user_id")} == {
            "id": backup, "status": "available", "size": 1, "volume_id": volume, "metadata": {"k": "v"},
            "project_id": None, "user_id": None}
    admin = ours.people.login("admin").user_id
    expected = {"3.17": (None, None, None), "3.18": (ours.project, None, None), "3.43": (ours.project, {"k": "v"}, None),
                "3.56": (ours.project, {"k": "v"}, admin)}
    said = {version: ours.admin.openstack("volume backup show", backup, "-f", "json", at=version) for version in expected}
    seen = {version: answer.json() for version, answer in said.items()}
    assert {version: (one["project_id"], one["metadata"], one["user_id"]) for version, one in seen.items()} == expected
    ours.reader.openstack("volume backup show", "nothing").failed("No Backup found for nothing")
    ours.tenant.backup(volume, name="b")
    ours.reader.openstack("volume backup show", "b").failed("More than one Backup exists with the name 'b'.")


def test_list(ours: Team, theirs: Team):
    data, other = ours.tenant.volume(name="data"), ours.tenant.volume(name="other")
    one = ours.tenant.backup(data, name="one", description="first")
    two = ours.tenant.backup(data, name="two", incremental=True)
    three = ours.tenant.backup(other, name="three")
    ours.tenant.reset("backup", three, "error")
    their = theirs.tenant.backup(theirs.tenant.volume(name="theirs"), name="theirs")

    member, admin = ours.member, ours.admin
    plain = ours.reader.openstack("volume backup list", "-f", "json")
    long = ours.reader.openstack("volume backup list", "--long", "-f", "json")
    table = ours.reader.openstack("volume backup list", "--long")
    everywhere = admin.openstack("volume backup list", "--all-projects", "-f", "json")
    assert [(row["ID"], row["Name"], row["Status"], row["Size"], row["Incremental"]) for row in plain.json()] == [
        (three, "three", "error", 1, False), (two, "two", "available", 1, True), (one, "one", "available", 1, False)]
    assert [(row["Name"], row["Description"], row["Volume"], row["Container"], row["Availability Zone"])
            for row in long.json()] == [
        ("three", None, other, "backups", "nova"), ("two", None, data, "backups", "nova"),
        ("one", "first", data, "backups", "nova")]
    # For people's eyes the volume has a name.
    assert [row["Volume"] for row in table.table()] == ["other", "data", "data"]
    assert {one, their} <= {row["ID"] for row in everywhere.json()}
    for said, expected in [
            (member.openstack("volume backup list", "--name", "two", "-f", "json"), ["two"]),
            (member.openstack("volume backup list", "--status", "error", "-f", "json"), ["three"]),
            (member.openstack("volume backup list", "--status", "restoring", "-f", "json"), []),
            (member.openstack("volume backup list", "--volume", "data", "-f", "json"), ["two", "one"]),
            (member.openstack("volume backup list", "--volume", data, "-f", "json"), ["two", "one"]),
            (member.openstack("volume backup list", "--marker", "two", "-f", "json"), ["one"]),
            (member.openstack("volume backup list", "--limit", "1", "-f", "json"), ["three", "two", "one"]),
            (member.openstack("volume backup list", "--limit", "1", "--max-items", "2", "-f", "json"), ["three", "two"]),
            (admin.openstack("volume backup list", "--project", theirs.name, "-f", "json"), ["theirs"]),
            (admin.openstack("volume backup list", "--project", theirs.project, "-f", "json"), ["theirs"])]:
        assert names(said) == expected, said


def test_list_of_a_volume_that_is_gone(ours: Team):
    """The client looks for the volume first; it says that it goes on without, and does not: it expects another error."""
    volume = ours.tenant.volume()
    ours.tenant.backup(volume, name="left")
    ours.rest.delete(f"/volumes/{volume}")
    ours.rest.await_gone("volume", volume)
    ours.member.openstack("volume backup list", "--volume", volume).failed(f"No Volume found for {volume}")
    assert [one["name"] for one in ours.rest.get(f"/backups?volume_id={volume}")["backups"]] == ["left"]


def test_set(ours: Team):
    backup = ours.tenant.backup(ours.tenant.volume(), name="b", metadata={"a": "1", "b": "2"})

    def seen() -> tuple:
        found = ours.shown(backup)
        return found["name"], found["description"], found["metadata"], found["status"]

    ours.member.openstack("volume backup set", "--name", "c", "--description", "of it", "b", at="3.9").ok()
    assert seen() == ("c", "of it", {"a": "1", "b": "2"}, "available")
    ours.member.openstack("volume backup set", "--property", "b=3", "--property", "c=4", "c").ok()
    assert seen() == ("c", "of it", {"a": "1", "b": "3", "c": "4"}, "available")
    ours.member.openstack("volume backup set", "--no-property", "--property", "d=5", backup).ok()
    assert seen() == ("c", "of it", {"d": "5"}, "available")
    ours.member.openstack("volume backup set", "--no-property", backup).ok()
    assert seen() == ("c", "of it", {}, "available")
    for state in ("error", "available"):
        ours.admin.openstack("volume backup set", "--state", state, backup).ok()
        assert seen() == ("c", "of it", {}, state)
    ours.member.openstack("volume backup set", "--name", "x" * 256, backup).failed("One or more of the set operations failed")
    assert seen() == ("c", "of it", {}, "available")


def test_unset_asks_for_what_is_to_be_kept(ours: Team):
    """The client takes the key from its copy and has the server delete what remains there, by a route that Cinder has
    not: answered, it would lose what was to be kept. As it is, nothing happens."""
    backup = ours.tenant.backup(ours.tenant.volume(), name="b", metadata={"go": "1", "stay": "2"})
    ours.member.openstack("volume backup unset", "--property", "go", "b").failed(
        f"NotFoundException: 404: Client Error for url: {ours.url(f'/backups/{backup}/metadata/stay')}, 404 Not Found: "
        "The resource could not be found.")
    assert ours.shown(backup)["metadata"] == {"go": "1", "stay": "2"}
    # What does it:
    ours.member.openstack("volume backup set", "--no-property", "--property", "stay=2", "b").ok()
    assert ours.shown(backup)["metadata"] == {"stay": "2"}


def test_restore(ours: Team, disks: Disks):
    data = ours.tenant.volume(name="data")
    first = disks.write(data)
    full = ours.tenant.backup(data, name="full")
    second = disks.write(data)
    more = ours.tenant.backup(data, name="more", incremental=True)
    disks.write(data)

    new = ours.member.openstack("volume backup restore", "full", "again", "-f", "json").json()
    assert (new["id"], new["volume_name"]) == (full, "again")
    ours.rest.await_status("volume", new["volume_id"], "available")
    disks.must_hold(new["volume_id"], first)
    assert ours.rest.show("volume", new["volume_id"])["name"] == "again"

    before = ours.state()
    ours.member.openstack("volume backup restore", "more", "data").failed(
        "Volume 'data' already exists; if you want to restore the backup to it you need to specify the '--force' option")
    ours.member.openstack("volume backup restore", "more").failed("Either of `name` or `volume_id` must be specified.")
    assert ours.state() == before

    onto = ours.member.openstack("volume backup restore", "--force", "more", "data", "-f", "json").json()
    assert (onto["volume_id"], onto["volume_name"]) == (data, "data")
    ours.rest.await_status("volume", data, "available")
    disks.must_hold(data, second)
    larger = ours.tenant.volume(size=2, name="larger")
    ours.member.openstack("volume backup restore", "--force", full, larger).ok()
    ours.rest.await_status("volume", larger, "available")
    assert [ours.shown(one)["status"] for one in (full, more)] == ["available", "available"]
    assert ours.rest.show("volume", larger)["metadata"]["src_backup_id"] == full


def test_restore_of_what_can_not_be(ours: Team):
    backup = ours.tenant.backup(ours.tenant.volume(size=2), name="b")
    ours.tenant.volume(size=1, name="small")
    before = ours.state()
    ours.member.openstack("volume backup restore", "--force", "b", "small").failed(
        f"BadRequestException: 400: Client Error for url: {ours.url(f'/backups/{backup}/restore')}, Invalid volume: volume "
        "size 1 is too small to restore backup of size 2.")
    assert ours.state() == before
    ours.tenant.reset("backup", backup, "error")
    ours.member.openstack("volume backup restore", "b", "new").failed(
        f"BadRequestException: 400: Client Error for url: {ours.url(f'/backups/{backup}/restore')}, Invalid backup: Backup "
        "status must be available")


def test_delete(ours: Team):
    volume = ours.tenant.volume()
    full = ours.tenant.backup(volume, name="full")
    more = ours.tenant.backup(volume, name="more", incremental=True)
    plain, other = (ours.tenant.backup(ours.tenant.volume(), name=name) for name in ("plain", "other"))
    said = ours.member.openstack("volume backup delete", "full", "nothing")
    said.failed("2 of 2 backups failed to delete.")
    assert said.err.splitlines()[0] == (
        f"Failed to delete backup with name or ID 'full': BadRequestException: 400: Client Error for url: "
        f"{ours.url(f'/backups/{full}')}, Invalid backup: Incremental backups exist for this backup.")
    assert said.err.splitlines()[1] == "Failed to delete backup with name or ID 'nothing': No Backup found for nothing"
    # Several at once: those that can go do.
    ours.member.openstack("volume backup delete", "plain", "nothing", other).failed("1 of 3 backups failed to delete.")
    for gone in (plain, other):
        ours.rest.await_gone("backup", gone)
    # No Ceph driver deletes by force, whoever asks.
    said = ours.admin.openstack("volume backup delete", "--force", "more")
    said.failed("1 of 1 backups failed to delete.")
    assert said.err.splitlines()[0].endswith(f"{ours.url(f'/backups/{more}/action')}, Operation not supported: force delete.")
    assert ours.shown(more)["status"] == "available"
    ours.member.openstack("volume backup delete", "more").ok()
    ours.rest.await_gone("backup", more)
    ours.member.openstack("volume backup delete", full).ok()
    ours.rest.await_gone("backup", full)
    assert ours.rest.quota_in_use()["backups"] == 0


@pytest.mark.parametrize("output", ["json", "table"])
def test_record_export(ours: Team, output: str):
    ours.tenant.backup(ours.tenant.volume(), name="b")
    said = ours.admin.openstack("volume backup record export", "b", "-f", output).ok()
    assert "cinder.backup.drivers.ceph.CephBackupDriver" in said
    assert ("backup_url" in said, "Backup Service" in said) == ((True, False) if output == "json" else (False, True))


def test_record_import_sends_no_record(ours: Team):
    """openstacksdk loses the record on its way: in its place goes the path that it posts to. Nobody can import that.
    `cinder backup-import` works."""
    backup = ours.tenant.backup(ours.tenant.volume(), name="b")
    record = ours.admin.openstack("volume backup record export", "b", "-f", "json").json()
    ours.rest.delete(f"/backups/{backup}")
    ours.rest.await_gone("backup", backup)
    before = ours.state()
    ours.admin.openstack("volume backup record import", record["backup_service"], record["backup_url"]).failed(
        f"BadRequestException: 400: Client Error for url: {ours.url('/backups/export_record')}, Invalid input received: "
        "Can't parse backup record.")
    assert ours.state() == before
