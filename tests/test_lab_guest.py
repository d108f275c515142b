"""The lab's guest: what holds for a well-behaved backup must be seen, and so must a thief of the lock."""

from __future__ import annotations

import os

import pytest
from content import Content, prefixes, read_image
from guest import Guest
from writer import first_writes

SIZE = 64 << 20


@pytest.fixture(params=["auto", "exclusive"])
def guest(request, cluster, image_name):
    return Guest(cluster, os.environ["CEPH_CONF"], os.environ["VOLUMES_POOL"], image_name, "guest", request.param)


def test_a_snapshot_under_a_writer_holds_a_prefix_and_the_lock_stays(cluster, image_name, guest):
    import rbd

    with cluster.open_ioctx(os.environ["VOLUMES_POOL"]) as io:
        with guest:
            before = guest.writes()
            with rbd.Image(io, image_name) as other:
                other.create_snap("point")
            after = guest.writes()
            report = guest.finish()
        assert report["error"] is None
        assert report["writes"] >= after
        assert guest.observer.error is None
        assert len(guest.observer.owners) == 1
        assert "nobody" not in guest.observer.owners
        with rbd.Image(io, image_name, snapshot="point", read_only=True) as point:
            found = prefixes(Content(SIZE), first_writes("guest", report["writes"], SIZE), read_image(point))
    assert len(found) == 1, found
    assert before <= found[0] <= after + 1


def test_a_thief_of_the_lock_is_noticed(cluster, image_name, guest):
    """Whoever writes to an attached volume takes the guest's lock, or fails where it is held for good."""
    import rbd

    held_for_good = guest.command[-1] == "exclusive"
    with cluster.open_ioctx(os.environ["VOLUMES_POOL"]) as io, guest, rbd.Image(io, image_name) as thief:
        try:
            thief.write(b"stolen", 0)
            refused = False
        except rbd.ReadOnlyImage:
            refused = True
        guest.writes()
        report = guest.finish()
    assert refused == held_for_good
    assert (len(guest.observer.owners) > 1) == (not held_for_good)
    assert report["error"] is None
