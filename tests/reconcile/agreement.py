"""Records and Ceph disagree in every way that can be made, beside a service that is at work."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from typing import Any

from conformance.conftest import Start
from conformance.server import Server
from conformance.tenant import Tenant
from pools import BACKUPS_POOL, VOLUMES_POOL, Pools
from service import binary

from waiting import until

from .orphans import COUNT, SOME, Orphans, Told, snapshot_of

Report = dict[str, Any]

# The key of an image that a deletion has moved to the trash.
TRASHED = "cindervault.trashed"


def reconcile(server: Server, *options: str) -> Report:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CINDERVAULT_")}
    done = subprocess.run([str(binary()), "reconcile", "--config", str(server.conf), "-f", "json", *options],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert (done.returncode == 0) == (not left(report)), report
    return report


def told(report: Report) -> set[Told]:
    return {(finding["class"], finding["what"]) for finding in report["findings"]}


def left(report: Report) -> set[Told]:
    return {(finding["class"], finding["what"]) for finding in report["findings"] if finding["outcome"] != "repaired"}


def on_ceph(pools: Pools) -> set[str]:
    """Images with their snapshots, and metadata objects."""
    found = {f"{BACKUPS_POOL}/{name}" for name in pools.objects(BACKUPS_POOL) if name.startswith("backup.")}
    for pool in (VOLUMES_POOL, BACKUPS_POOL):
        for image in pools.images(pool):
            try:
                found |= {f"{pool}/{image}"} | {f"{pool}/{image}@{name}" for name in pools.snapshots(pool, image)}
            except pools.rbd.ImageNotFound:
                continue  # the load has removed it meanwhile
    return found


def test_everything_is_found_and_nothing_else(server: Server, tenant, pools: Pools, load) -> None:
    volume = tenant.volume()
    full = tenant.backup(volume)
    assert told(reconcile(server, "--dry-run")) == set()
    until(lambda: [person.rounds for person in load.people], all, "the load to go round")

    orphans = Orphans(server, tenant, pools)
    orphans.rows.quota(volumes=100)
    orphans.markers(volume)
    orphans.points(volume, full)
    orphans.checksums(volume, full)
    orphans.snapshots(volume)
    twice = tenant.volume()
    orphans.twins(twice, tenant.backup(twice))
    orphans.part(tenant.volume())
    orphans.strangers()
    orphans.bases()
    orphans.half_made_bases()
    orphans.lost_backups()
    orphans.metadata()
    orphans.stale_statuses()
    orphans.locks()
    orphans.jobs()
    assert len(orphans.ours) == 9 * COUNT + 2 * SOME + 1

    # what is young may be of a job that runs: it is told all the same
    seen = reconcile(server, "--dry-run")
    expected = orphans.ours | orphans.foreign
    assert told(seen) == expected, (expected - told(seen), told(seen) - expected)
    assert all(finding["outcome"] != "repaired" and finding["why"] and finding["by_hand"]
               for finding in seen["findings"])

    repaired: set[Told] = set()

    def repair() -> set[Told]:
        report = reconcile(server)
        assert told(report) <= orphans.ours | orphans.foreign, told(report) - orphans.ours - orphans.foreign
        repaired.update(told(report) - left(report))
        return left(report)

    until(repair, lambda rest: rest == orphans.foreign, "everything of ours to be repaired", every=0.5)
    assert repaired == orphans.ours
    rounds = [person.rounds for person in load.people]
    until(lambda: [person.rounds for person in load.people], lambda now: all(a > b for a, b in zip(now, rounds)),
          "the load to go on")
    assert told(reconcile(server, "--dry-run")) == orphans.foreign

    there = on_ceph(pools)
    assert {what for _, what in orphans.foreign if "/" in what} <= there
    assert not {what for kind, what in orphans.ours if kind != "unneeded-checksums"} & there
    load.end()
    for person in load.people:
        for backup in list(person.holds):
            person.restores(backup)
    tenant.restore(full)
    assert told(reconcile(server, "--dry-run")) == orphans.foreign


def test_what_a_status_becomes(server: Server, tenant) -> None:
    """As after the reference's own clean-up."""
    rows = Orphans(server, tenant, None).rows
    earlier = {"created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z"}
    source = rows.volume(status="backing-up", previous_status="in-use", **earlier)
    target = rows.volume(status="restoring-backup", **earlier)
    creating = rows.backup(source, status="creating", service=None, **earlier)
    restoring = rows.backup(status="restoring", service=None, restore_volume_id=target, **earlier)
    deleting = rows.backup(status="deleting", service=None, **earlier)
    locked = rows.backup(status="deleting", service=None, encryption_key_id=source, **earlier)
    reconcile(server)
    backup = {row["id"]: row for row in server.rows("SELECT id, status, fail_reason FROM backups")}
    assert backup[creating] == {"id": creating, "status": "error",
                                "fail_reason": "incomplete backup reset on manager restart"}
    assert (backup[restoring]["status"], backup[locked]["status"]) == ("available", "error_deleting")
    tenant.await_gone("backup", deleting)
    volume = {row["id"]: row["status"] for row in server.rows("SELECT id, status FROM volumes")}
    assert (volume[source], volume[target]) == ("in-use", "error_restoring")
    assert tenant.messages(creating) and tenant.messages(restoring) and tenant.messages(locked)


def test_the_head_of_a_base_may_be_the_last_copy(server: Server, tenant, pools: Pools) -> None:
    """Of a backup whose restore point was removed by hand, and that can be put back."""
    volume, data = tenant.volume(), os.urandom(1 << 20)
    with pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image:
        image.write(data, 0)
    full, other = tenant.backup(volume), tenant.backup(tenant.volume())
    base = f"volume-{volume}.backup.{full}"
    with pools.open(BACKUPS_POOL, base, writable=True) as image:
        (point,) = [one["name"] for one in image.list_snaps()]
        image.remove_snap(point)

    def about(report: Report) -> dict[str, str]:
        mine = (f"backup {full}", f"{BACKUPS_POOL}/{base}", f"{VOLUMES_POOL}/volume-{volume}@{point}")
        return {one["class"]: one["outcome"] for one in report["findings"] if one["what"] in mine}

    assert about(reconcile(server)) == {"backup-without-point": "repaired"}
    assert (tenant.api.status("backup", full), tenant.api.status("backup", other)) == ("error", "available")
    (row,) = server.rows(f"SELECT fail_reason FROM backups WHERE id = '{full}'")
    assert row["fail_reason"].endswith(f"has no restore point of backup {full}, nor of any other")
    for _ in range(2):
        assert about(reconcile(server)) == {"base-without-point": "reported"}
    with pools.open(BACKUPS_POOL, base, writable=True) as image:
        assert image.read(0, len(data)) == data
        image.create_snap(snapshot_of(full))
    tenant.api.post(f"/backups/{full}/action", {"os-reset_status": {"status": "available"}}).empty(202)
    verified = subprocess.run([str(binary()), "verify", "--config", str(server.conf), full],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (verified.returncode, "sound" in verified.stdout) == (0, True), verified
    assert about(reconcile(server)) == {}


def test_the_trash_is_emptied(server: Server, tenant, pools: Pools) -> None:
    """An image goes there when it stays in use while its volume, or its last backup, is deleted. What nobody here knows
    stays, and what somebody else moved there."""
    volume, gone = tenant.volume(), tenant.volume()
    kept = {tenant.volume(): 0, tenant.volume(): 3600}
    trashed = pools.rbd.RBD().trash_move
    with pools.open(VOLUMES_POOL, f"volume-{gone}", writable=True) as image:
        image.metadata_set(TRASHED, "by a deletion")
    for one, delay in {gone: 0, **kept}.items():
        trashed(pools.io[VOLUMES_POOL], f"volume-{one}", delay)
        tenant.api.delete(f"/volumes/{one}").empty(202)
        tenant.await_gone("volume", one)
    full, io = tenant.backup(volume), pools.io[BACKUPS_POOL]
    base, stranger = f"volume-{volume}.backup.{full}", f"volume-{uuid.uuid4()}.backup.{uuid.uuid4()}"
    pools.rbd.RBD().create(io, stranger, 1 << 20)
    ids = {}
    for image in (base, stranger):
        with pools.open(BACKUPS_POOL, image, writable=True) as opened:
            ids[image] = opened.id()
            for snapshot in [one["name"] for one in opened.list_snaps()]:
                opened.remove_snap(snapshot)
            opened.metadata_set(TRASHED, "by a deletion")
        trashed(io, image, 3600 if image == base else 0)
    tenant.api.delete(f"/backups/{full}").empty(202)
    tenant.await_gone("backup", full)

    ours, foreign = (f"{BACKUPS_POOL}/{image} ({ids[image]})" for image in (base, stranger))

    def look(*options: str) -> dict[str, dict[str, str]]:
        """Others than of the trash are foreign, too, and are another test's."""
        return {one["what"]: one for one in reconcile(server, *options)["findings"] if one["class"] == "image-in-trash"}

    # it is kept there for a time, which somebody ends
    assert look()[ours]["left_because"].startswith("it is kept there until 20")
    pools.rbd.RBD().trash_restore(io, ids[base], base)
    trashed(io, base)
    with pools.rbd.Image(io, image_id=ids[base]):
        seen = until(look, lambda seen: seen[ours]["left_because"] == "it is still in use", "the trash to be looked at")
        assert (seen[ours]["outcome"], seen[foreign]["outcome"]) == ("reported", "reported")
    seen = look("--dry-run")
    assert (seen[ours]["outcome"], seen[foreign]["outcome"]) == ("would-repair", "reported")
    seen = until(look, lambda seen: seen[ours]["outcome"] == "repaired", "the trash to be emptied")
    assert seen[foreign]["outcome"] == "reported"
    assert [one["name"] for one in pools.rbd.RBD().trash_list(io)] == [stranger]
    pools.rbd.RBD().trash_remove(io, ids[stranger])
    # whoever put the volumes aside has them still
    operators = pools.rbd.RBD().trash_list(pools.io[VOLUMES_POOL])
    assert {one["name"] for one in operators} == {f"volume-{one}" for one in kept}
    left = {what: one["left_because"] for what, one in look().items()}
    assert left == {f"{VOLUMES_POOL}/{one['name']} ({one['id']})": "whoever moved it there may want to keep it"
                    for one in operators}
    for one in operators:
        pools.rbd.RBD().trash_remove(pools.io[VOLUMES_POOL], one["id"], force=True)


def test_a_removal_that_was_cut_short_is_finished(server: Server, tenant, pools: Pools) -> None:
    """librbd has such an image in the trash, but does not list it there."""
    volume, gone = tenant.volume(), tenant.volume()
    full = tenant.backup(volume)
    tenant.api.delete(f"/volumes/{gone}").empty(202)
    tenant.await_gone("volume", gone)
    tenant.api.delete(f"/backups/{full}").empty(202)
    tenant.await_gone("backup", full)
    ours = {}
    for pool, image in ((VOLUMES_POOL, f"volume-{gone}"), (BACKUPS_POOL, f"volume-{volume}.backup.{full}")):
        ours[f"{pool}/{image} ({pools.cut_removal(pool, image)})"] = (pool, image)

    def look(*options: str) -> dict[str, str]:
        return {one["what"]: one["outcome"] for one in reconcile(server, *options)["findings"] if one["what"] in ours}

    assert look("--dry-run") == dict.fromkeys(ours, "would-repair")
    assert look() == dict.fromkeys(ours, "repaired")
    for what, (pool, image) in ours.items():
        identifier = what.rsplit("(")[1].rstrip(")")
        assert image not in pools.images(pool)
        assert not [one for one in pools.objects(pool) + pools.directory_entries(pool) if identifier in one]
    assert look() == {}


def test_the_worker_does_it_by_itself(start: Start) -> None:
    """Again and again; what is in the pool and no record of its own is another installation's to it."""
    other = start("reconcile_itself", "serve", worker={"host": "lab", "lease_seconds": 3, "poll_seconds": 1,
                                                       "heartbeat_seconds": 1, "reconcile_hours": 0.0005})
    tenant = Tenant(other, other.client())
    volume = tenant.volume()
    full = tenant.backup(volume)
    rows = Orphans(other, tenant, None).rows
    earlier = {"created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z"}
    for _ in range(2):
        stale = rows.backup(status="creating", service=None, **earlier)
        until(lambda stale=stale: tenant.api.status("backup", stale), lambda seen: seen == "error", "the status to end")
    tenant.restore(full)
    done = "SELECT count(*) FROM jobs WHERE kind = 'reconcile' AND state = 'done'"
    until(lambda: int(other.sql(done)), lambda seen: seen >= 2, "the second time to end")
    assert "stale-status" in other.log("serve").read_text()
