"""What stands on Ceph and in Postgres in the end, beside what the people remember."""

from __future__ import annotations

import subprocess
from typing import Any

from cluster import BACKUPS_POOL, VOLUMES_POOL
from content import PIECE, ZEROES, Content
from pools import backup_of
from service import binary

from waiting import until


def image_of(volume: str) -> str:
    return f"volume-{volume}"


def compare(pools: Any, pool: str, image: str, snapshot: str | None, content: Content) -> None:
    """Reads what is there, and takes the rest for zeroes."""
    with pools.open(pool, image, snapshot) as opened:
        assert opened.size() == content.size, (image, snapshot, opened.size())
        filled: set[int] = set()
        opened.diff_iterate(0, content.size, None, lambda offset, length, exists: filled.update(
            range(offset // PIECE, (offset + length - 1) // PIECE + 1) if exists else ()))
        for index, piece in enumerate(content.pieces):
            if index in filled:
                assert opened.read(index * PIECE, PIECE) == piece, f"{image}@{snapshot}: piece {index} differs"
            else:
                assert piece is ZEROES or piece == ZEROES, f"{image}@{snapshot}: piece {index} is a hole"


def empty_the_trash(town: Any, pools: Any) -> int:
    """How many images were in it. An OSD that carries out a client's watch after that has died keeps it until it is
    restarted, and the image stays in use for so long."""

    def trash() -> list[str]:
        return [entry for pool in (VOLUMES_POOL, BACKUPS_POOL) for entry in pools.directory_entries(pool)
                if entry.startswith("rbd_trash: ")]

    def purge() -> list[str]:
        command = [str(binary()), "--config", str(town.conf), "reconcile", "--format", "json"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        return trash()

    there = trash()
    if there:
        town.lab.cluster.osd.end()
        town.lab.cluster.start()
        until(purge, lambda left: not left, "the trash to be emptied", 120.0, 2.0)
    return len(there)


def audit(town: Any, pools: Any, people: list[Any]) -> list[str]:
    """All that is not as it should be."""
    wrong: list[str] = []
    volumes = {volume: person for person in people for volume in person.volumes}
    backups = {backup: entry for person in people for backup, entry in person.backups.items()}
    failed = {backup for person in people for backup in person.failed}
    wrong += _rows(town, volumes, backups, failed)
    bases = {row["id"]: row["base"] for row in town.rows(
        "SELECT id, service_metadata::json->>'base' AS base FROM backups WHERE deleted_at IS NULL AND status = 'available'")}

    wanted_images = {image_of(volume) for volume in volumes}
    wrong += _differ("images of volumes", set(pools.images(VOLUMES_POOL)), wanted_images)
    wrong += _differ("bases", set(pools.images(BACKUPS_POOL)), {bases[backup] for backup in backups if backup in bases})
    for base in {bases[backup] for backup in backups if backup in bases}:
        points = {backup_of(name) for name in pools.snapshots(BACKUPS_POOL, base)}
        wrong += _differ(f"restore points of {base}", points, {backup for backup in backups if bases.get(backup) == base})
    for volume in volumes:
        markers = {backup_of(name) for name in pools.snapshots(VOLUMES_POOL, image_of(volume))}
        stray = markers - {backup for backup, (of, _) in backups.items() if of == volume} - failed
        wrong += [f"volume {volume} has snapshots of nothing: {stray}"] if stray else []
    metadata = {name.split(".")[1] for name in pools.objects(BACKUPS_POOL) if name.startswith("backup.")}
    wrong += _differ("metadata objects", metadata, set(backups))
    wrong += stray_data(pools)

    for volume, person in volumes.items():
        wrong += _same(pools, VOLUMES_POOL, image_of(volume), None, person.volumes[volume])
    for backup, (_, content) in backups.items():
        if backup in bases:
            points = pools.backup_snapshots(BACKUPS_POOL, bases[backup], backup)
            wrong += _same(pools, BACKUPS_POOL, bases[backup], points[0] if points else None, content)
    return wrong


def _rows(town: Any, volumes: dict, backups: dict, failed: set[str]) -> list[str]:
    (seen,) = town.rows("""SELECT
        (SELECT coalesce(json_object_agg(id, status), '{}') FROM volumes WHERE deleted_at IS NULL) AS volumes,
        (SELECT coalesce(json_object_agg(id, status), '{}') FROM backups WHERE deleted_at IS NULL) AS backups,
        (SELECT count(*) FROM jobs WHERE state NOT IN ('done', 'failed')) AS jobs,
        (SELECT count(*) FROM job_locks) AS locks, (SELECT count(*) FROM job_journal) AS journal""")
    wanted = {"volumes": dict.fromkeys(volumes, "available"),
              "backups": dict.fromkeys(backups, "available") | dict.fromkeys(failed, "error"),
              "jobs": 0, "locks": 0, "journal": 0}
    return [f"{what}: {seen[what]} and not {value}" for what, value in wanted.items() if seen[what] != value]


def _differ(what: str, seen: set, wanted: set) -> list[str]:
    return [f"{what}: too many {seen - wanted}, missing {wanted - seen}"] if seen != wanted else []


def _same(pools: Any, pool: str, image: str, snapshot: str | None, content: Content) -> list[str]:
    try:
        compare(pools, pool, image, snapshot, content)
    except Exception as error:  # what can not be read is as wrong as what differs
        return [f"{pool}/{image}@{snapshot}: {error}"]
    return []


def stray_data(pools: Any) -> list[str]:
    """The objects of images that are not there any more."""
    stray = []
    for pool in (VOLUMES_POOL, BACKUPS_POOL):
        ids = set()
        for image in pools.images(pool):
            with pools.open(pool, image) as opened:
                ids.add(opened.id())
        stray += [f"{pool}/{name} is left" for name in pools.objects(pool)
                  if name.startswith(("rbd_data.", "rbd_header.", "rbd_object_map.")) and name.split(".")[1] not in ids]
    return stray
