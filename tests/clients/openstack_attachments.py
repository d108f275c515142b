"""`openstack volume attachment …`, and a volume's image properties."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from disks import Disks
from nova import nova
from openstack_people import forbidden
from team import Team


@pytest.fixture(scope="module")
def compute() -> Iterator[dict[str, str]]:
    with nova() as environment:
        yield environment


def attachment(ours: Team, made: str) -> dict:
    return ours.rest.get(f"/attachments/{made}")["attachment"]


def test_an_attachment_in_steps(ours: Team, compute: dict[str, str]):
    volume, server = ours.tenant.volume(name="data"), str(uuid.uuid4())
    member = ours.member
    made = member.openstack("volume attachment create", "data", "--server", server, "--mode", "ro", "-f", "json",
                            at="3.70", more=compute).json()
    assert (made["Volume ID"], made["Instance ID"], made["Status"]) == (volume, server, "reserved")
    assert attachment(ours, made["ID"])["attach_mode"] == "ro"
    ours.rest.await_status("volume", volume, "reserved")
    listed = member.openstack("volume attachment list", "-f", "json", at="3.70").json()
    assert listed == [{"ID": made["ID"], "Volume ID": volume, "Server ID": server, "Status": "reserved"}]

    member.openstack("volume attachment set", made["ID"], "--host", "node-1", "--mountpoint", "/dev/vdb",
                     at="3.70").ok()
    shown = member.openstack("volume attachment show", made["ID"], "-f", "json", at="3.70").json()
    told = shown["Properties"]
    assert (shown["Status"], told["access_mode"], told["driver_volume_type"]) == ("attaching", "ro", "rbd")
    assert told["name"].endswith(f"/volume-{volume}")
    assert told["hosts"] == ["127.0.0.1"] and len(told["ports"]) == 1
    assert told["secret_uuid"] is not None and "keyring" not in told

    member.openstack("volume attachment complete", made["ID"], at="3.70").ok()
    of_volume = member.openstack("volume show", "data", "-f", "json").json()
    assert of_volume["status"] == "in-use"
    assert [one["attachment_id"] for one in of_volume["attachments"]] == [made["ID"]]
    for query, found in ((("--status", "attached"), 1), (("--status", "reserved"), 0), (("--volume-id", volume), 1),
                         (("--server-id", server), 1), (("--server-id", volume), 0)):
        listed = member.openstack("volume attachment list", *query, "-f", "json", at="3.70").json()
        assert len(listed) == found, query

    member.openstack("volume attachment delete", made["ID"], at="3.70").ok()
    assert member.openstack("volume attachment list", "-f", "json", at="3.70").json() == []
    assert ours.rest.show("volume", volume)["status"] == "available"


def test_a_connection_at_once(ours: Team, compute: dict[str, str]):
    volume = ours.tenant.volume()
    made = ours.member.openstack("volume attachment create", volume, "--server", str(uuid.uuid4()), "--connect",
                                 "--host", "node-1", "--ip", "192.0.2.1", "--mountpoint", "/dev/vdb", "-f", "json",
                                 at="3.70", more=compute).json()
    assert (made["Status"], made["Properties"]["attachment_id"]) == ("attaching", made["ID"])
    ours.rest.delete(f"/attachments/{made['ID']}")


def test_who_may(ours: Team, theirs: Team, compute: dict[str, str]):
    volume, server = ours.tenant.volume(), str(uuid.uuid4())
    made = ours.rest.post("/attachments", {"attachment": {"volume_uuid": volume, "instance_uuid": server}})
    own = made["attachment"]["id"]
    path = ours.url(f"/attachments/{own}")
    other, reader = ours.tenant.volume(), ours.reader
    for said, url, rule in [
            (reader.openstack("volume attachment create", other, "--server", server, at="3.70", more=compute),
             ours.url("/attachments"), "create"),
            (reader.openstack("volume attachment set", own, "--host", "node", at="3.70"), path, "update"),
            (reader.openstack("volume attachment complete", own, at="3.70"), f"{path}/action", "complete"),
            (reader.openstack("volume attachment delete", own, at="3.70"), path, "delete")]:
        forbidden(said, url, f"volume:attachment_{rule}")
    assert [row["ID"] for row in reader.openstack("volume attachment list", "-f", "json", at="3.70").json()] == [own]
    stranger = theirs.member
    assert stranger.openstack("volume attachment list", "-f", "json", at="3.70").json() == []
    for command in ("show", "complete"):
        said = stranger.openstack(f"volume attachment {command}", own, at="3.70")
        assert said.code != 0, said
        assert f"Volume attachment could not be found with filter: attachment_id = {own}." in said.err, said
    stranger.openstack("volume attachment delete", own, at="3.70").ok()  # as of what is gone
    assert attachment(ours, own)["status"] == "reserved"
    ours.rest.delete(f"/attachments/{own}")


def test_image_properties_are_kept_by_a_backup(ours: Team, disks: Disks):
    volume = ours.tenant.volume(name="data")
    content = disks.write(volume)
    member = ours.member
    member.openstack("volume set", "--image-property", "os_distro=debian", "--image-property", "min_disk=1", "data").ok()
    properties = {"os_distro": "debian", "min_disk": "1"}
    assert ours.rest.show("volume", volume)["volume_image_metadata"] == properties
    backup = ours.tenant.backup(volume)
    forbidden(ours.reader.openstack("volume set", "--image-property", "os_distro=other", "data"),
              ours.url(f"/volumes/{volume}/action"), "volume_extension:volume_image_metadata:set")

    member.openstack("volume unset", "--image-property", "os_distro", "--image-property", "min_disk", "data").ok()
    assert "volume_image_metadata" not in ours.rest.show("volume", volume)

    made = member.openstack("volume backup restore", backup, "again", "-f", "json").json()["volume_id"]
    ours.rest.await_status("volume", made, "available")
    disks.must_hold(made, content)
    shown = member.openstack("volume show", made, "-f", "json").json()
    assert (shown["volume_image_metadata"], shown["bootable"]) == (properties, True)
