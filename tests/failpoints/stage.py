"""What stands before a case, and what must be there after it: volumes, chains, and the bytes of each."""

from __future__ import annotations

import random
from typing import Any

from cluster import BACKUPS_POOL, VOLUMES_POOL
from content import MIB, PIECE, ZEROES, Content
from pools import backup_of

from .cell import GIB, Cell


class Stage:
    """Things of a cell's project, and the byte arrays that they are compared with."""

    def __init__(self, cell: Cell, seed: int) -> None:
        self.cell = cell
        self.pools = cell.pools
        self.rng = random.Random(seed)
        self.volumes: dict[str, Content] = {}
        self.backups: dict[str, tuple[str, Content]] = {}  # with the volume
        self.snapshots: dict[str, tuple[str, Content]] = {}
        self.of_snapshots: set[str] = set()  # backups that need no marker
        self.failed: dict[str, tuple[str, str]] = {}  # kind and status of what a job has given up
        self.remains: set[str] = set()  # of these something may be left: their deletion failed

    # ---- making

    def volume(self, data: bool = True, size: int = 1) -> str:
        made = self.cell.made("volume", "/volumes", size=size)
        self.volumes[made] = Content(size * GIB)
        if data:
            self.scribble(made)
        return made

    def scribble(self, volume: str, writes: int = 5) -> None:
        """Writes here and there, and makes a hole in what is there."""
        content = self.volumes[volume]
        with self.pools.open(VOLUMES_POOL, image_of(volume), writable=True) as image:
            for _ in range(writes):
                # A few objects only: what is copied is small, and what was written is written again.
                offset = self.rng.randrange(16) * PIECE + self.rng.randrange(MIB) // 4096 * 4096
                data = self.rng.randbytes(64 << 10)
                image.write(data, offset)
                content.write(offset, data)
            hole = self.rng.randrange(16) * PIECE
            image.write_zeroes(hole, MIB)
            content.zero(hole, MIB)
            image.flush()

    def fill(self, volume: str, length: int) -> None:
        """Writes so much at the start."""
        with self.pools.open(VOLUMES_POOL, image_of(volume), writable=True) as image:
            for offset in range(0, length, PIECE):
                image.write(data := self.rng.randbytes(PIECE), offset)
                self.volumes[volume].write(offset, data)
            image.flush()

    def grow(self, volume: str) -> None:
        """To 2 GiB, with something in the second."""
        self.cell.api.action("volume", volume, "os-extend", {"new_size": 2}).expect(202)
        assert self.cell.settled("volume", volume) == "available"
        self.volumes[volume] = grown(self.volumes[volume])
        with self.pools.open(VOLUMES_POOL, image_of(volume), writable=True) as image:
            image.write(data := self.rng.randbytes(64 << 10), GIB + PIECE)
        self.volumes[volume].write(GIB + PIECE, data)

    def backup(self, volume: str, **fields: Any) -> str:
        self.scribble(volume)
        made = self.cell.backup(volume, **fields)
        self.expect_backup(made, volume)
        return made

    def expect_backup(self, backup: str, volume: str) -> None:
        self.backups[backup] = (volume, self.volumes[volume].copy())

    def snapshot(self, volume: str) -> str:
        made = self.cell.made("snapshot", "/snapshots", volume_id=volume)
        self.snapshots[made] = (volume, self.volumes[volume].copy())
        return made

    # ---- forgetting what is gone

    def forget(self, identifier: str) -> None:
        for things in (self.volumes, self.backups, self.snapshots, self.failed):
            things.pop(identifier, None)
        for marked in (self.of_snapshots, self.remains):
            marked.discard(identifier)

    def remove(self, kind: str, identifier: str) -> None:
        self.cell.remove(kind, identifier)
        self.forget(identifier)

    def gave_up(self, kind: str, identifier: str, status: str, remains: bool) -> None:
        """A job has failed: this is the status, and of what it was about nothing is left, or something may be."""
        self.forget(identifier)
        self.failed[identifier] = (kind, status)
        if remains:
            self.remains.add(identifier)

    # ---- what must be true

    def check(self) -> None:
        """Postgres, both pools and the API say the same, and every byte is as it should be. No point was missing."""
        refused = self.cell.refusals.all()
        assert not refused, refused
        self._check_rows()
        self._check_volumes()
        self._check_backups()

    def check_restores(self) -> None:
        """Every backup restores through the service, and every volume can be backed up again."""
        for backup, (_, content) in list(self.backups.items()):
            answer = self.cell.api.post(f"/backups/{backup}/restore", {"restore": {}}).expect(202)
            volume = answer["restore"]["volume_id"]
            assert self.cell.settled("volume", volume) == "available", volume
            self._compare(VOLUMES_POOL, image_of(volume), None, content)
            self.cell.settled("backup", backup)
            self.cell.remove("volume", volume)
        for volume in list(self.volumes):
            self.remove("backup", self.backup(volume))

    def clear(self) -> None:
        """Deletes all of it: increments before what they build on, a volume last."""
        while self.backups:
            for backup in list(self.backups):
                if not self.cell.api.show("backup", backup)["has_dependent_backups"]:
                    self.remove("backup", backup)
        for kind, things in (("snapshot", self.snapshots), ("volume", self.volumes)):
            for identifier in list(things):
                self.remove(kind, identifier)
        self.check()

    def _check_rows(self) -> None:
        cell, mine = self.cell, f"project_id = '{self.cell.api.project}' AND deleted_at IS NULL"
        (seen,) = cell.rows(f"""SELECT
            (SELECT coalesce(json_object_agg(id, status), '{{}}') FROM volumes WHERE {mine}) AS volumes,
            (SELECT coalesce(json_object_agg(id, status), '{{}}') FROM backups WHERE {mine}) AS backups,
            (SELECT coalesce(json_object_agg(id, status), '{{}}') FROM snapshots WHERE {mine}) AS snapshots,
            (SELECT count(*) FROM jobs WHERE state NOT IN ('done', 'failed')) AS jobs,
            (SELECT count(*) FROM job_locks) AS locks""")
        wanted = {f"{kind}s": dict.fromkeys(getattr(self, f"{kind}s"), "available")
                  | {identifier: status for identifier, (of, status) in self.failed.items() if of == kind}
                  for kind in ("volume", "backup", "snapshot")}
        assert {kind: seen[kind] for kind in wanted} == wanted, seen
        assert (seen["jobs"], seen["locks"]) == (0, 0), seen
        quota = cell.api.get(f"/os-quota-sets/{cell.api.project}?usage=True").expect(200)["quota_set"]
        assert {kind: quota[kind]["in_use"] for kind in wanted} == {kind: len(them) for kind, them in wanted.items()}
        assert all(quota[kind]["reserved"] == 0 for kind in wanted), quota

    def _check_volumes(self) -> None:
        images = {image for image in self.pools.images(VOLUMES_POOL) if image.removeprefix("volume-") in self._ever()}
        remains = {image_of(volume) for volume in self.failed}
        assert images - remains == set(map(image_of, self.volumes)), images
        for volume, content in self.volumes.items():
            self._compare(VOLUMES_POOL, image_of(volume), None, content)
            seen = self.pools.snapshots(VOLUMES_POOL, image_of(volume))
            wanted = {f"snapshot-{snapshot}" for snapshot, (of, _) in self.snapshots.items() if of == volume}
            remains = {f"snapshot-{snapshot}" for snapshot in self.failed}
            assert {name for name in seen if backup_of(name) is None} - remains == wanted, seen
            marked = [backup for name in seen if (backup := backup_of(name)) and backup not in self.remains]
            assert sorted(marked) == sorted(self._marked(volume)), (volume, seen)

    def _marked(self, volume: str) -> list[str]:
        return [backup for backup, (of, _) in self.backups.items() if of == volume and backup not in self.of_snapshots]

    def _check_backups(self) -> None:
        bases = self._bases()
        ever = self._ever()
        seen = {name for name in self.pools.images(BACKUPS_POOL)
                if name.removeprefix("volume-").split(".")[0] in ever and name.rpartition(".")[2] not in self.remains}
        assert seen == set(bases), (seen, set(bases))
        for base, backups in bases.items():
            points = {backup_of(name): name for name in self.pools.snapshots(BACKUPS_POOL, base)}
            assert set(points) - self.remains == set(backups), (base, points, backups)
            for backup in backups:
                self._compare(BACKUPS_POOL, base, points[backup], self.backups[backup][1])
                assert self.pools.read_object(BACKUPS_POOL, f"backup.{backup}.meta"), backup
        for backup in self.failed.keys() - self.remains:
            assert self.pools.read_object(BACKUPS_POOL, f"backup.{backup}.meta") is None, backup

    def _bases(self) -> dict[str, list[str]]:
        bases: dict[str, list[str]] = {}
        if self.backups:
            among = ", ".join(f"'{backup}'" for backup in self.backups)
            for row in self.cell.rows(f"SELECT id, service_metadata::json->>'base' AS base FROM backups WHERE id IN ({among})"):
                bases.setdefault(row["base"], []).append(row["id"])
        return bases

    def _ever(self) -> set[str]:
        """The volumes that were ever made in the cell."""
        return {row["id"] for row in self.cell.rows("SELECT id FROM volumes")}

    def _compare(self, pool: str, image: str, snapshot: str | None, content: Content) -> None:
        """Reads what is there, and takes the rest for zeroes."""
        with self.pools.open(pool, image, snapshot) as opened:
            assert opened.size() == content.size, (image, snapshot, opened.size())
            filled: set[int] = set()
            opened.diff_iterate(0, content.size, None, lambda offset, length, exists: filled.update(
                range(offset // PIECE, (offset + length - 1) // PIECE + 1) if exists else ()))
            for index, piece in enumerate(content.pieces):
                if index in filled:
                    assert opened.read(index * PIECE, PIECE) == piece, f"{image}@{snapshot}: piece {index} differs"
                else:
                    assert piece is ZEROES or piece == ZEROES, f"{image}@{snapshot}: piece {index} is a hole"


def grown(content: Content) -> Content:
    """The same in 2 GiB."""
    return Content(2 * GIB, content.pieces + [ZEROES] * (GIB // PIECE))


def image_of(volume: str) -> str:
    return f"volume-{volume}"
