"""What went wrong beside a backup's data: on the volume, with its checksums, with its metadata."""

from __future__ import annotations

from waiting import until

from .asked import verify


def test_what_the_volume_has_lost_is_told_and_comes_back(tenant, server, chain):
    """A disk changes volume and snapshot alike, so that neither tells of it: a restore in place mends it."""
    chain.write(1, 3)
    full = chain.backup()
    chain.rot_volume(3)
    chain.write(7)
    code, found = verify(server, full)
    assert (code, found[0]["result"]) == (0, "sound")
    assert "The backup is sound, but the volume is no longer what was backed up" in found[0]["detail"]
    chain.must_be_sound(full)
    assert chain.told(full) == ["900_903"]
    tenant.restore(full, volume_id=chain.volume)
    chain.must_hold(chain.volume, full)
    job, = (job for job in chain.look(full)["jobs"] if job["kind"] == "backup_restore")
    assert job["state"] == "done"
    assert job["bytes_examined"] == job["bytes_total"] > 2 << 30, "what changed, all to compare, and what differs"


def test_a_backup_that_has_lost_its_checksums_is_not_restored(tenant, chain):
    chain.write(2)
    full = chain.backup()
    chain.write(4)
    held = chain.content.copy()
    chain.lose_sums(full)
    tenant.api.post(f"/backups/{full}/restore", {"restore": {"volume_id": chain.volume}}).expect(202)
    chain.must_be_damaged(full, "it was made with them, and they are missing")
    until(lambda: tenant.api.status("volume", chain.volume), lambda seen: seen == "error_restoring", "the restore")
    chain.backups["as it was"] = held
    chain.must_hold(chain.volume, "as it was")


def test_nothing_is_built_upon_checksums_that_are_damaged(tenant, chain):
    """A full backup is made instead, which has checksums, and the parent is verified."""
    chain.write(2)
    full = chain.backup()
    chain.lose_sums(full, ".0")
    chain.write(4)
    instead = chain.backup(incremental=True)
    assert not tenant.api.show("backup", instead)["is_incremental"]
    assert chain.told(instead) == ["013_030"]
    chain.must_be_damaged(full, f"cindervault.sums.{full}.0")
    tenant.api.post(f"/cindervault/backups/{instead}/verify").empty(202)
    chain.must_be_sound(instead)
    chain.must_restore(instead)


def test_a_backup_is_restored_without_the_metadata_that_can_not_be_read(tenant, server, chain):
    chain.write(2)
    full = chain.backup()
    chain.spoil_metadata(full)
    code, found = verify(server, full)
    assert (code, found[0]["result"]) == (0, "sound")
    assert "metadata that are kept with the backup can not be read" in found[0]["detail"]
    chain.must_restore(full)
    assert chain.told(full) == ["015_902", "900_902"]
