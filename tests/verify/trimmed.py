"""What backups leave on their volume."""

from __future__ import annotations

import pytest

from conformance.conftest import Start
from conformance.tenant import Tenant
from pools import VOLUMES_POOL, backup_of
from takeover.disks import KEEPING
from waiting import until

from .chain import Chain


def marks(chain: Chain) -> list[str | None]:
    """The snapshots of the volume: whose markers they are, in their order."""
    return [backup_of(name) for name in chain.pools.snapshots(VOLUMES_POOL, f"volume-{chain.volume}")]


def await_marks(chain: Chain, wanted: list[str | None]) -> None:
    until(lambda: marks(chain), lambda seen: seen == wanted, f"the markers {wanted}")


@pytest.fixture
def keeping(start: Start, pools) -> Chain:
    """A volume of a service that keeps all, as Cinder does."""
    server = start("keeping", "api", worker=KEEPING).start("worker")
    return Chain(Tenant(server, server.client()), pools)


def test_only_the_newest_stays(chain, pools):
    stranger = "by-hand"
    with pools.open(VOLUMES_POOL, f"volume-{chain.volume}", writable=True) as image:
        image.create_snap(stranger)
    chain.write(1)
    made = [chain.backup()]
    for piece in (2, 3):
        chain.write(piece)
        made.append(chain.backup(incremental=True))
        assert chain.tenant.api.show("backup", made[-1])["is_incremental"]
        await_marks(chain, [None, made[-1]])
    for backup in made:
        chain.must_restore(backup)
    # also onto the volume, whose own points are gone
    chain.tenant.restore(made[0], volume_id=chain.volume)
    chain.must_hold(chain.volume, made[0])
    with pools.open(VOLUMES_POOL, f"volume-{chain.volume}", writable=True) as image:
        image.remove_snap(stranger)


def test_a_failed_backups_marker_stays(chain):
    """It tells that something may have been made, until the backup is deleted."""
    first = chain.backup()
    chain.tenant.api.action("backup", first, "os-reset_status", {"status": "error"}).expect(202)
    second, third = chain.backup(), chain.backup()
    await_marks(chain, [first, third])
    chain.tenant.api.delete(f"/backups/{first}").expect(202)
    chain.tenant.await_gone("backup", first)
    assert marks(chain) == [third]
    assert second not in marks(chain)


def test_all_stay_where_that_is_asked_for_and_go_in_one_batch_later(keeping, pools):
    made = [keeping.backup(incremental=number > 0) for number in range(4)]
    server = keeping.tenant.server
    assert marks(keeping) == made
    assert server.rows("SELECT id FROM jobs WHERE kind = 'source_trim'") == []
    server.stop("worker")
    server.settings["worker"]["source_snapshots"] = "needed"
    server.start("worker")
    last = keeping.backup(incremental=True)
    await_marks(keeping, [last])
    assert [keeping.tenant.api.status("backup", backup) for backup in made] == ["available"] * 4
