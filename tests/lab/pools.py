"""What stands on Ceph, seen past the service: images, snapshots, allocation and objects of the two pools."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cluster import BACKUPS_POOL, VOLUMES_POOL

# What a pool keeps for itself once images have been in it.
POOL_LEVEL = {"rbd_directory", "rbd_info", "rbd_children", "rbd_trash"}

BACKUP_SNAPSHOT = re.compile(r"backup\.([a-z0-9-]+?)\.snap\.(.+)")


@dataclass(frozen=True)
class Allocation:
    """What an image (or a snapshot) takes: bytes of its extents, and the objects they lie in."""

    bytes: int
    objects: int

    def __str__(self) -> str:
        return f"{self.bytes / (1 << 20):.1f} MiB in {self.objects} objects"


def backup_of(snapshot: str) -> str | None:
    """The id of the backup whose restore point or marker a snapshot is."""
    match = BACKUP_SNAPSHOT.fullmatch(snapshot)
    return match.group(1) if match else None


class Pools:
    def __init__(self, cluster) -> None:
        import rados
        import rbd

        self.rados, self.rbd = rados, rbd
        self.io = {pool: cluster.open_ioctx(pool) for pool in (VOLUMES_POOL, BACKUPS_POOL)}

    def images(self, pool: str) -> list[str]:
        return sorted(self.rbd.RBD().list(self.io[pool]))

    def open(self, pool: str, image: str, snapshot: str | None = None, writable: bool = False):
        return self.rbd.Image(self.io[pool], image, snapshot=snapshot, read_only=not writable)

    def snapshots(self, pool: str, image: str) -> list[str]:
        """In the order in which they were made."""
        with self.open(pool, image) as opened:
            return [snapshot["name"] for snapshot in sorted(opened.list_snaps(), key=lambda snapshot: snapshot["id"])]

    def backup_snapshots(self, pool: str, image: str, backup: str) -> list[str]:
        """The restore points of one backup on one image: at most one, when all is well."""
        return [name for name in self.snapshots(pool, image) if backup_of(name) == backup]

    def allocation(self, pool: str, image: str, snapshot: str | None = None) -> Allocation:
        extents: list[tuple[int, int]] = []
        with self.open(pool, image, snapshot) as opened:
            object_size = opened.stat()["obj_size"]
            opened.diff_iterate(0, opened.size(), None,
                                lambda offset, length, exists: extents.append((offset, length)) if exists else None)
        objects = {number for offset, length in extents
                   for number in range(offset // object_size, (offset + length - 1) // object_size + 1)}
        return Allocation(sum(length for _, length in extents), len(objects))

    def objects(self, pool: str) -> list[str]:
        """Every RADOS object in every namespace, the pool's own ones left out."""
        io = self.io[pool]
        io.set_namespace(self.rados.LIBRADOS_ALL_NSPACES)
        try:
            return sorted(f"{entry.nspace}/{entry.key}" if entry.nspace else entry.key for entry in io.list_objects()
                          if entry.nspace or entry.key not in POOL_LEVEL)
        finally:
            io.set_namespace("")

    def directory_entries(self, pool: str) -> list[str]:
        """What the pool-level objects still list: images, clones' parents, trash."""
        io, entries = self.io[pool], []
        for name in sorted(POOL_LEVEL - {"rbd_info"}):
            with self.rados.ReadOpCtx() as read:
                keys, _ = io.get_omap_keys(read, "", 1000)
                try:
                    io.operate_read_op(read, name)
                except self.rados.ObjectNotFound:
                    continue
                entries += [f"{name}: {key}" for key, _ in keys]
        return entries

    def read_object(self, pool: str, name: str) -> bytes | None:
        io = self.io[pool]
        try:
            size, _ = io.stat(name)
            return io.read(name, size)
        except self.rados.ObjectNotFound:
            return None

    def cut_removal(self, pool: str, image: str, stage: str = "moved") -> str:
        """Leaves of an image, made where there is none, what a removal leaves that was cut short; its id. librbd removes by
        way of the trash: there is an entry (`begun`), then the name is no more (`moving`), then the entry says so (`moved`)."""
        io = self.io[pool]
        if image not in self.images(pool):
            self.rbd.RBD().create(io, image, 1 << 30, old_format=False)
        with self.open(pool, image, writable=True) as opened:
            opened.write(b"left", 0)
            identifier = opened.id()
        self.rbd.RBD().trash_move(io, image, 0)
        key = f"id_{identifier}"
        with self.rados.ReadOpCtx() as read:
            values, _ = io.get_omap_vals_by_keys(read, (key,))
            io.operate_read_op(read, "rbd_trash")
            (_, entry), = values
        if stage == "begun":
            self.rbd.RBD().trash_restore(io, identifier, image)
        # a structure's head, then who has put it there; in the end, whether it is
        entry = entry[:6] + b"\x03" + entry[7:-1] + (b"\x00" if stage == "moved" else b"\x01")
        with self.rados.WriteOpCtx() as write:
            io.set_omap(write, (key,), (entry,))
            io.operate_write_op(write, "rbd_trash")
        return identifier
