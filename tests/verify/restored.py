"""A restore that meets damage."""

from __future__ import annotations


def test_a_restore_of_damage_fails_and_marks_the_backup(tenant, chain):
    chain.write(5)
    full = chain.backup()
    chain.write(0)
    increment = chain.backup(incremental=True)
    chain.rot(5)
    restored = tenant.api.post(f"/backups/{full}/restore", {"restore": {}}).expect(202)["restore"]["volume_id"]
    chain.must_be_damaged(full, f"first at byte {5 << 22}")
    assert tenant.api.status("volume", restored) == "error_restoring"
    details = {message["event_id"].rsplit("_", 1)[1] for message in tenant.messages(full)}
    assert details == {"026", "900"}
    # the same object is the increment's
    chain.must_be_damaged(increment, f"first at byte {5 << 22}")
    assert tenant.api.status("volume", chain.volume) == "available"
