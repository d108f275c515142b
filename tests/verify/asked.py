"""Somebody asks whether a backup is sound: over the API, and from a shell."""

from __future__ import annotations

import json
import subprocess
import uuid

from conformance.server import Server
from service import binary


def verify(server: Server, *arguments: str) -> tuple[int, list[dict]]:
    """`cindervault verify`: its exit code, and what it found."""
    command = [str(binary()), "--config", str(server.conf), "verify", "--format", "json", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_sound_backups_are_told_to_be(tenant, server, chain):
    chain.write(0, 7)
    full = chain.backup()
    chain.write(1)
    increment = chain.backup(incremental=True)
    tenant.api.post(f"/cindervault/backups/{full}/verify").empty(202)
    chain.must_be_sound(full)
    job = chain.look(full)["jobs"][0]
    assert (job["kind"], job["state"], job["error"]) == ("backup_verify", "done", None)
    assert (job["bytes_examined"], job["bytes_copied"], job["bytes_total"]) == (1 << 30, 0, 1 << 30)
    code, found = verify(server, increment)
    assert (code, [(row["backup"], row["result"]) for row in found]) == (0, [(increment, "sound")])
    assert found[0]["detail"] == "as its checksums and the volume's own snapshot say"
    chain.must_be_sound(increment)
    assert tenant.messages(full) == tenant.messages(increment) == []


def test_rot_is_found_and_its_neighbours_are_looked_at(tenant, chain):
    """The damaged backup is marked; the one that does not hold the damage is read, and stays."""
    chain.write(3, 9)
    full = chain.backup()
    chain.rot(3)
    chain.write(3)
    increment = chain.backup(incremental=True)
    other = tenant.backup(chain.volume)
    tenant.api.post(f"/cindervault/backups/{full}/verify").empty(202)
    chain.must_be_damaged(full, f"first at byte {3 << 22}")
    for sound in (increment, other):
        chain.must_be_sound(sound)
    chain.must_restore(increment)
    # nothing builds upon what is damaged, and nothing is restored from it
    tenant.api.post(f"/backups/{full}/restore", {"restore": {}}).bad_request()
    tenant.api.post(f"/cindervault/backups/{full}/verify").bad_request()
    # a reset forgets the result, and the next look finds the damage again
    tenant.api.action("backup", full, "os-reset_status", {"status": "available"}).expect(202)
    assert chain.look(full)["verify_result"] is None


def test_a_cut_backup_is_found_by_the_command(tenant, server, chain):
    chain.write(2)
    full = chain.backup()
    chain.write(4)
    increment = chain.backup(incremental=True)
    chain.cut(increment)
    code, found = verify(server, increment)
    assert (code, [row["result"] for row in found]) == (1, ["damaged"])
    assert "was cut" in found[0]["detail"]
    chain.must_be_damaged(increment, "was cut")
    chain.must_be_sound(full)
    chain.must_restore(full)


def test_a_lost_restore_point_is_found_among_all(tenant, server, chain):
    chain.write(2)
    full = chain.backup()
    chain.write(4)
    increment = chain.backup(incremental=True)
    chain.lose_point(increment)
    code, found = verify(server, "--all")
    results = {row["backup"]: row["result"] for row in found}
    assert (code, results[full], results[increment]) == (1, "sound", "damaged")
    chain.must_be_damaged(increment, "has no restore point")
    chain.must_restore(full)


def test_what_is_not_there_can_not_be_told(tenant, server, chain):
    nobody = str(uuid.uuid4())
    code, found = verify(server, nobody)
    assert (code, [row["result"] for row in found]) == (2, ["unknown"])
    tenant.api.get(f"/cindervault/backups/{nobody}").not_found(f"Backup {nobody} could not be found.")
    tenant.api.post(f"/cindervault/backups/{nobody}/verify").not_found(f"Backup {nobody} could not be found.")
