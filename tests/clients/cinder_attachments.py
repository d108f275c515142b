"""`cinder attachment-…`, and `cinder image-metadata`."""

from __future__ import annotations

import uuid

from cinder_people import forbidden
from team import Team


def properties(out: str) -> dict[str, str]:
    """The rows of all tables for one thing."""
    rows = [[cell.strip() for cell in line.strip("|").split("|", 1)] for line in out.splitlines() if line.startswith("|")]
    return {row[0]: row[1] for row in rows}


def test_an_attachment_in_steps(ours: Team):
    volume, server = ours.tenant.volume(name="data"), str(uuid.uuid4())
    member = ours.member
    made = properties(member.cinder("attachment-create", "data", server, at="3.70").ok())
    assert (made["status"], made["volume_id"], made["instance"]) == ("reserved", volume, server)
    rows = member.cinder("attachment-list", at="3.70").table()
    assert [(row["ID"], row["Volume ID"], row["Status"]) for row in rows] == [(made["id"], volume, "reserved")]
    told = properties(member.cinder("attachment-update", made["id"], "--host", "node", "--mountpoint", "/dev/vdb",
                                    at="3.70").ok())
    assert (told["status"], told["access_mode"], told["attachment_id"]) == ("attaching", "rw", made["id"])
    member.cinder("attachment-complete", made["id"], at="3.70").ok()
    shown = properties(member.cinder("attachment-show", made["id"], at="3.70").ok())
    assert (shown["status"], shown["driver_volume_type"]) == ("attached", "rbd")
    assert len(member.cinder("attachment-list", "--status", "attached", at="3.70").table()) == 1
    kept = member.cinder("delete", "data")
    assert kept.code == 1 and "must not be migrating, attached" in kept.out, kept
    member.cinder("attachment-delete", made["id"], at="3.70").ok()
    assert member.cinder("attachment-list", at="3.70").table() == []
    assert ours.rest.show("volume", volume)["status"] == "available"


def test_a_connection_at_once_and_who_may(ours: Team):
    volume = ours.tenant.volume()
    forbidden(ours.reader.cinder("attachment-create", volume, at="3.70"), "volume:attachment_create")
    made = properties(ours.member.cinder("attachment-create", volume, "--connect", "true", "--host", "node", "--mode",
                                         "ro", at="3.70").ok())
    assert (made["status"], made["access_mode"], made["attach_mode"]) == ("attaching", "ro", "ro")
    forbidden(ours.reader.cinder("attachment-delete", made["id"], at="3.70"), "volume:attachment_delete")
    ours.member.cinder("attachment-delete", made["id"], at="3.70").ok()


def test_image_metadata(ours: Team):
    volume, member = ours.tenant.volume(name="data"), ours.member
    member.cinder("image-metadata", "data", "set", "os_distro=debian", "min_disk=1").ok()
    shown = properties(member.cinder("image-metadata-show", "data").ok())
    assert (shown["os_distro"], shown["min_disk"]) == ("debian", "1")
    member.cinder("image-metadata", "data", "unset", "os_distro").ok()
    assert ours.rest.show("volume", volume)["volume_image_metadata"] == {"min_disk": "1"}
    forbidden(ours.reader.cinder("image-metadata", "data", "unset", "min_disk"),
              "volume_extension:volume_image_metadata:remove")
