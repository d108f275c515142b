"""What seldom happens, for the points that nothing else passes: leftovers, refusals, and faults in recovery itself."""

from __future__ import annotations

import json
import uuid
from typing import ClassVar

from cluster import BACKUPS_POOL, VOLUMES_POOL
from conformance.h_records import decoded, encoded, export, take
from content import MIB
from pools import backup_of

from .jobs import Deletion, Full, Incremental, OfSnapshot, RestoreNew, VolumeDelete, VolumeOfVolume
from .scenario import Scenario
from .stage import image_of

STRANGER = "by-hand"


class Odd(Scenario):
    usual = False

    # ---- what is done to Ceph behind the service's back

    def base(self, backup: str) -> str:
        return f"{image_of(self.volume)}.backup.{backup}"

    def snapshot_of(self, pool: str, image: str, backup: str) -> dict:
        with self.stage.pools.open(pool, image) as opened:
            return next(one for one in opened.list_snaps() if backup_of(one["name"]) == backup)

    def cut_short(self, pool: str, image: str, backup: str) -> None:
        """Takes a snapshot's object map away: what is left when librbd dies while it makes one."""
        snapshot = self.snapshot_of(pool, image, backup)
        with self.stage.pools.open(pool, image) as opened:
            self.stage.pools.io[pool].remove_object(f"rbd_object_map.{opened.id()}.{snapshot['id']:016x}")

    def remove_image(self, pool: str, image: str) -> None:
        with self.stage.pools.open(pool, image, writable=True) as opened:
            for snapshot in list(opened.list_snaps()):
                opened.remove_snap(snapshot["name"])
        self.stage.pools.rbd.RBD().remove(self.stage.pools.io[pool], image)

    def put_stranger(self, pool: str, image: str) -> None:
        with self.stage.pools.open(pool, image, writable=True) as opened:
            opened.create_snap(STRANGER)

    def take_stranger(self, pool: str, image: str) -> None:
        with self.stage.pools.open(pool, image, writable=True) as opened:
            opened.remove_snap(STRANGER)


# ---- recovery that is disturbed in its turn

class HandedBack(Odd, Full):
    """The database is away for a moment when the job begins."""

    faults: ClassVar[dict[str, str]] = {"backup.begin.before": "error"}


class BegunAgain(Odd, Full):
    """The worker died when the base was there and empty."""

    faults: ClassVar[dict[str, str]] = {"base.create.after": "kill"}


class MarkerCutShort(Odd, Full):
    """The worker died while it made the marker."""

    faults: ClassVar[dict[str, str]] = {"marker.create.after": "kill"}

    def meanwhile(self, point: str) -> None:
        self.cut_short(VOLUMES_POOL, image_of(self.volume), self.target)


class PointCutShort(Odd, Incremental):
    """The worker died while it made the restore point."""

    faults: ClassVar[dict[str, str]] = {"point.create.after": "kill"}

    def meanwhile(self, point: str) -> None:
        base = next(name for name in self.stage.pools.images(BACKUPS_POOL) if name.startswith(image_of(self.volume)))
        self.cut_short(BACKUPS_POOL, base, self.target)


class PointTooEarly(Odd, OfSnapshot):
    """Somebody was faster with the restore point: it holds something else."""

    # before the base is opened: a snapshot waits for all who have an image open
    faults: ClassVar[dict[str, str]] = {"step.source-snapshot": "pause"}
    # where the lease runs out during the pause, whoever goes on takes it for the first attempt's
    sure_of = missed_at_times = ("point.remove-early.before", "point.remove-early.after")

    def before(self) -> None:
        """Another backup of the same snapshot, whose restore point has the same time in its name."""
        self.sibling = self.cell.backup(self.volume, snapshot_id=self.snapshot, incremental=True)
        self.stage.backups[self.sibling] = self.stage.snapshots[self.snapshot]
        self.stage.of_snapshots.add(self.sibling)

    def meanwhile(self, point: str) -> None:
        base = next(name for name in self.stage.pools.images(BACKUPS_POOL) if name.startswith(image_of(self.volume)))
        name = self.snapshot_of(BACKUPS_POOL, base, self.sibling)["name"].replace(self.sibling, self.target)
        with self.stage.pools.open(BACKUPS_POOL, base, writable=True) as image:
            image.create_snap(name)

    def finish(self, action: str | None) -> None:
        super().finish(action)
        self.stage.remove("backup", self.sibling)


class ClonedAgain(Odd, VolumeOfVolume):
    """The worker died when the new volume was a clone."""

    faults: ClassVar[dict[str, str]] = {"volume.clone.after": "kill"}


class Long(Odd, Full):
    """So much is copied that what is finished is recorded meanwhile."""

    sure_of = ("job.finished.before", "job.finished.after")

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.stage.fill(self.volume, 192 * MIB)


# ---- what has changed since

class Grown(Odd):
    """The volume was extended between two backups."""

    def before(self) -> None:
        self.volume = self.stage.volume()
        self.full = self.stage.backup(self.volume)
        self.stage.grow(self.volume)

    def begin(self) -> None:
        self.target = self.cell.make("backup", "/backups", volume_id=self.volume, incremental=True)

    def done(self) -> None:
        self.stage.expect_backup(self.target, self.volume)

    def after(self) -> None:
        for kind, identifier in (("backup", self.target), ("backup", self.full), ("volume", self.volume)):
            self.stage.remove(kind, identifier)

    def mend(self, status: str) -> None:
        self.after()


class Unwanted(Odd, RestoreNew):
    """The backup's status is reset during its restore, too late for the worker to hear of it."""

    ends_as = "error"
    sure_of = ("restore.finish-unwanted.before", "restore.finish-unwanted.after")
    faults: ClassVar[dict[str, str]] = {"copy.flush.after": "pause"}

    def meanwhile(self, point: str) -> None:
        self.cell.reset("backup", self.backup, "error")

    def done(self) -> None:
        self.undone("error")


class NothingToDo(Odd, Deletion):
    """The backup's status is reset before a worker comes to delete it."""

    ends_as = "error"

    def before(self) -> None:
        self.target = self.stage.backup(self.volume)

    def begin(self) -> None:
        with self.cell.held(self.target):
            super().begin()
            self.cell.reset("backup", self.target, "error")

    def done(self) -> None:
        self.stage.gave_up("backup", self.target, "error", remains=True)

    def after(self) -> None:
        self.stage.remove("backup", self.target)


# ---- what can not be done

class CreateRefused(Odd):
    """The volume's image is gone."""

    ends_as = "error"

    def before(self) -> None:
        self.volume = self.stage.volume()
        self.remove_image(VOLUMES_POOL, image_of(self.volume))
        self.stage.gave_up("volume", self.volume, "available", remains=False)

    def begin(self) -> None:
        self.target = self.cell.make("backup", "/backups", volume_id=self.volume)

    def done(self) -> None:
        self.stage.gave_up("backup", self.target, "error", remains=False)

    def after(self) -> None:
        self.stage.remove("backup", self.target)
        self.stage.remove("volume", self.volume)


class RestoreRefused(Odd, RestoreNew):
    """The image of the volume that is to be written is gone."""

    ends_as = "error_restoring"

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.backup = self.stage.backup(self.volume)

    def before(self) -> None:
        self.target = self.stage.volume(data=False)
        self.remove_image(VOLUMES_POOL, image_of(self.target))
        self.stage.gave_up("volume", self.target, "available", remains=False)

    def begin(self) -> None:
        restore = {"restore": {"volume_id": self.target}}
        self.cell.api.post(f"/backups/{self.backup}/restore", restore).expect(202)

    def done(self) -> None:
        self.undone("error_restoring")

    def after(self) -> None:
        self.stage.remove("volume", self.target)


class DeleteRefused(Odd, Deletion):
    """The base has a snapshot that is no backup."""

    ends_as = "error"

    def before(self) -> None:
        self.target = self.stage.backup(self.volume)
        self.put_stranger(BACKUPS_POOL, self.base(self.target))

    def done(self) -> None:
        self.stage.gave_up("backup", self.target, "error", remains=True)

    def after(self) -> None:
        self.take_stranger(BACKUPS_POOL, self.base(self.target))
        self.stage.remove("backup", self.target)


class VolumeDeleteRefused(Odd, VolumeDelete):
    """The image has a snapshot of somebody else's."""

    ends_as = "error_deleting"

    def before(self) -> None:
        super().before()
        self.put_stranger(VOLUMES_POOL, image_of(self.target))

    def done(self) -> None:
        self.undone("error_deleting")

    def after(self) -> None:
        self.take_stranger(VOLUMES_POOL, image_of(self.target))
        self.mend("error_deleting")


class NameLeft(Odd, Deletion):
    """Of the base only its name is left: its removal was cut short."""

    def before(self) -> None:
        self.target = self.stage.backup(self.volume)
        base, io = self.base(self.target), self.stage.pools.io[BACKUPS_POOL]
        with self.stage.pools.open(BACKUPS_POOL, base) as opened:
            identifier = opened.id()
        self.remove_image(BACKUPS_POOL, base)
        with self.stage.pools.rados.WriteOpCtx() as write:
            keys = {f"name_{base}": identifier, f"id_{identifier}": base}
            io.set_omap(write, tuple(keys), tuple(len(value).to_bytes(4, "little") + value.encode()
                                                  for value in keys.values()))
            io.operate_write_op(write, "rbd_directory")


class InUse(Odd, Deletion):
    """Somebody has the base open, and keeps it open."""

    patience = 200.0
    together = 1  # each takes its minute

    def before(self) -> None:
        self.target = self.stage.backup(self.volume)
        self.watching = self.stage.pools.open(BACKUPS_POOL, self.base(self.target), writable=True)

    def done(self) -> None:
        super().done()
        self.watching.close()
        self.empty_trash()

    def undone(self, status: str) -> None:
        super().undone(status)
        self.watching.close()
        self.empty_trash()

    def empty_trash(self) -> None:
        """What an operator does."""
        rbd, io = self.stage.pools.rbd.RBD(), self.stage.pools.io[BACKUPS_POOL]
        for entry in rbd.trash_list(io):
            if entry["name"] == self.base(self.target):
                rbd.trash_remove(io, entry["id"], force=True)


# ---- records from elsewhere

class Import(Odd):
    """The record of a backup whose row is lost."""

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.target = self.stage.backup(self.volume)
        self.record = export(self.cell.api, self.target).expect(200)["backup-record"]["backup_url"]

    def before(self) -> None:
        self.cell.sql(f"DELETE FROM backups WHERE id = '{self.target}'")

    def begin(self) -> None:
        take(self.cell.api, self.record).expect(201)

    def done(self) -> None:
        pass

    def undone(self, status: str) -> None:
        self.kept = self.stage.backups[self.target]
        self.stage.gave_up("backup", self.target, status, remains=True)

    def mend(self, status: str) -> None:
        self.before()
        self.begin()
        assert self.rest() == "available"
        self.stage.forget(self.target)
        self.stage.backups[self.target] = self.kept


class ImportRefused(Odd):
    """The record is another driver's."""

    ends_as = "error"

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.record = decoded(export(self.cell.api, self.stage.backup(self.volume)).expect(200))

    def begin(self) -> None:
        self.target = str(uuid.uuid4())
        base = json.dumps({"base": self.base(self.target)})
        record = encoded(self.record | {"id": self.target, "service_metadata": base})
        take(self.cell.api, record, service="of.somebody.Else").expect(201)

    def done(self) -> None:
        self.stage.gave_up("backup", self.target, "error", remains=False)

    def after(self) -> None:
        self.stage.remove("backup", self.target)


ODD: tuple[type[Scenario], ...] = (
    HandedBack, Long, BegunAgain, MarkerCutShort, PointCutShort, PointTooEarly, ClonedAgain, Grown, NothingToDo,
    CreateRefused, RestoreRefused, Unwanted, DeleteRefused, VolumeDeleteRefused, NameLeft, Import, ImportRefused, InUse,
)
