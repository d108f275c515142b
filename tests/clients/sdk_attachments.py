"""openstacksdk's calls for attachments and for a volume's image properties."""

from __future__ import annotations

import uuid

import pytest
from openstack import exceptions
from team import Team


def test_an_attachment_in_steps(ours: Team):
    volume, server = ours.tenant.volume(), str(uuid.uuid4())
    volumes = ours.member.volumes
    made = volumes.create_attachment(volume, instance=server, connector=None)
    assert (made.status, made.volume_id, made.instance, made.connection_info) == ("reserved", volume, server, {})
    connected = volumes.update_attachment(made, connector={"host": "node", "mountpoint": "/dev/vdb", "mode": "ro"})
    assert (connected.status, connected.connection_info["access_mode"]) == ("attaching", "ro")
    volumes.complete_attachment(made.id)
    assert volumes.get_attachment(made.id).status == "attached"
    assert volumes.get_volume(volume).status == "in-use"
    assert [one.id for one in volumes.attachments(volume_id=volume)] == [made.id]
    assert [one.connection_info["attachment_id"] for one in volumes.attachments(details=True)] == [made.id]
    with pytest.raises(exceptions.BadRequestException, match="status must be available or downloading to reserve"):
        volumes.create_attachment(volume, instance=str(uuid.uuid4()), connector=None)
    volumes.delete_attachment(made.id)
    assert list(volumes.attachments()) == []
    with pytest.raises(exceptions.NotFoundException):
        volumes.get_attachment(made.id)
    assert volumes.get_volume(volume).status == "available"


def test_another_projects_attachment_is_not_there(ours: Team, theirs: Team):
    volume = theirs.tenant.volume()
    made = theirs.member.volumes.create_attachment(volume, instance=str(uuid.uuid4()), connector=None)
    before, volumes = theirs.state(), ours.member.volumes
    for call in (lambda: volumes.get_attachment(made.id),
                 lambda: volumes.update_attachment(made.id, connector={"host": "node"}),
                 lambda: volumes.complete_attachment(made.id),
                 lambda: volumes.delete_attachment(made.id, ignore_missing=False)):
        with pytest.raises(exceptions.NotFoundException) as missing:
            call()
        expected = f"Volume attachment could not be found with filter: attachment_id = {made.id}."
        assert missing.value.details == expected
    with pytest.raises(exceptions.NotFoundException):
        volumes.create_attachment(volume, instance=str(uuid.uuid4()), connector=None)
    assert list(volumes.attachments()) == []
    assert theirs.state() == before
    theirs.member.volumes.delete_attachment(made.id)


def test_image_properties(ours: Team):
    volume = ours.tenant.volume()
    volumes = ours.member.volumes
    volumes.set_volume_image_metadata(volume, os_distro="debian", min_disk="1")
    assert volumes.get_volume(volume).volume_image_metadata == {"os_distro": "debian", "min_disk": "1"}
    volumes.delete_volume_image_metadata(volume, ["os_distro"])
    assert volumes.get_volume(volume).volume_image_metadata == {"min_disk": "1"}
    with pytest.raises(exceptions.NotFoundException, match="Metadata item was not found"):
        volumes.delete_volume_image_metadata(volume, ["os_distro"])
