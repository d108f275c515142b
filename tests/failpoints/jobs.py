"""Every kind of job as it most often is."""

from __future__ import annotations

import json

from cluster import BACKUPS_POOL, VOLUMES_POOL
from content import Content
from pools import backup_of
from waiting import until

from .cell import GIB
from .scenario import Scenario
from .stage import grown, image_of


class Creation(Scenario):
    """A backup is made of a volume that has a chain already."""

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.stage.backup(self.volume)

    def before(self) -> None:
        self.stage.scribble(self.volume)

    def done(self) -> None:
        self.stage.expect_backup(self.target, self.volume)

    def after(self) -> None:
        self.stage.remove("backup", self.target)


class Full(Creation):
    def begin(self) -> None:
        self.target = self.cell.make("backup", "/backups", volume_id=self.volume)


class Incremental(Creation):
    def set_up(self) -> None:
        super().set_up()
        self.stage.backup(self.volume, incremental=True)

    def begin(self) -> None:
        self.target = self.cell.make("backup", "/backups", volume_id=self.volume, incremental=True)

    def done(self) -> None:
        super().done()
        assert self.cell.api.show("backup", self.target)["is_incremental"]


class OfSnapshot(Creation):
    def set_up(self) -> None:
        super().set_up()
        self.stage.scribble(self.volume)
        self.snapshot = self.stage.snapshot(self.volume)

    def begin(self) -> None:
        self.target = self.cell.make("backup", "/backups", volume_id=self.volume, snapshot_id=self.snapshot,
                                     incremental=True)

    def done(self) -> None:
        self.stage.backups[self.target] = self.stage.snapshots[self.snapshot]
        self.stage.of_snapshots.add(self.target)


class RestoreNew(Scenario):
    """An increment is restored to a volume that is made for it."""

    kind = "volume"
    gives_up_as = ("error", "error_restoring")

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.stage.backup(self.volume)
        self.backup = self.stage.backup(self.volume, incremental=True)

    def begin(self) -> None:
        answer = self.cell.api.post(f"/backups/{self.backup}/restore", {"restore": {}}).expect(202)
        self.target = answer["restore"]["volume_id"]

    def rest(self) -> str | None:
        assert self.cell.settled("backup", self.backup) == "available"
        return super().rest()

    def done(self) -> None:
        self.stage.volumes[self.target] = self.stage.backups[self.backup][1].copy()

    def after(self) -> None:
        self.stage.remove("volume", self.target)


class RestoreOver(RestoreNew):
    """An increment is restored over its volume, which has changed since."""

    gives_up_as = ("error_restoring",)

    def set_up(self) -> None:
        super().set_up()
        self.target = self.volume

    def before(self) -> None:
        self.stage.scribble(self.volume)

    def begin(self) -> None:
        self.cell.api.post(f"/backups/{self.backup}/restore", {"restore": {"volume_id": self.volume}}).expect(202)

    def after(self) -> None:
        pass

    def mend(self, status: str) -> None:
        self.cell.reset("volume", self.volume, "available")
        self.begin()
        assert self.rest() == "available"
        self.stage.forget(self.volume)
        self.done()


class Deletion(Scenario):
    """A backup is deleted; the rest of its chain stays."""

    ends_as = None

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.stage.backup(self.volume)

    def begin(self) -> None:
        self.cell.api.delete(f"/backups/{self.target}").expect(202)

    def done(self) -> None:
        self.stage.forget(self.target)


class DeleteNewest(Deletion):
    """Somebody has protected its restore point."""

    def before(self) -> None:
        self.target = self.stage.backup(self.volume, incremental=True)
        (base,) = {base for base in self.stage.pools.images(BACKUPS_POOL) if base.startswith(image_of(self.volume))}
        with self.stage.pools.open(BACKUPS_POOL, base, writable=True) as image:
            image.protect_snap(next(snapshot["name"] for snapshot in image.list_snaps()
                                    if backup_of(snapshot["name"]) == self.target))


class DeleteMiddle(Deletion):
    """One after it in the chain does not build on it."""

    def before(self) -> None:
        self.target = self.stage.backup(self.volume, incremental=True)
        self.cell.reset("backup", self.target, "error")  # so that it is nobody's parent
        self.later = self.stage.backup(self.volume, incremental=True)
        self.cell.reset("backup", self.target, "available")

    def finish(self, action: str | None) -> None:
        super().finish(action)
        self.stage.remove("backup", self.later)


class DeleteLast(Deletion):
    """The last of its chain, whose base goes with it."""

    def before(self) -> None:
        self.target = self.stage.backup(self.volume)


class Verify(Scenario):
    """An increment is read back; nothing but the result is changed."""

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.stage.backup(self.volume)
        self.target = self.stage.backup(self.volume, incremental=True)

    def begin(self) -> None:
        self.asked = self.cell.sql("SELECT now()")
        self.cell.api.post(f"/cindervault/backups/{self.target}/verify").expect(202)

    def ended(self) -> bool:
        return self.cell.is_idle()

    def done(self) -> None:
        where = f"id = '{self.target}' AND verified_at > '{self.asked}'"
        assert self.cell.sql(f"SELECT verify_result FROM backups WHERE {where}") == "sound"


class VolumeCreate(Scenario):
    kind = "volume"

    def begin(self) -> None:
        self.target = self.cell.make("volume", "/volumes", size=1)

    def done(self) -> None:
        self.stage.volumes[self.target] = Content(GIB)

    def after(self) -> None:
        self.stage.remove("volume", self.target)


class VolumeDelete(Scenario):
    """With a snapshot that somebody has protected, and with the marker of a backup."""

    kind = "volume"
    ends_as = None
    gives_up_as = ("error_deleting",)

    def before(self) -> None:
        self.target = self.stage.volume()
        self.snapshot = self.stage.snapshot(self.target)
        with self.stage.pools.open(VOLUMES_POOL, image_of(self.target), writable=True) as image:
            image.protect_snap(f"snapshot-{self.snapshot}")

    def begin(self) -> None:
        self.cell.api.delete(f"/volumes/{self.target}?cascade=true").expect(202)

    def done(self) -> None:
        self.stage.forget(self.target)
        self.stage.forget(self.snapshot)

    def undone(self, status: str) -> None:
        super().undone(status)
        self.stage.gave_up("snapshot", self.snapshot, self.cell.api.status("snapshot", self.snapshot), remains=True)

    def mend(self, status: str) -> None:
        self.cell.reset("volume", self.target, "available")
        self.begin()
        assert self.rest() is None
        for gone in (self.target, self.snapshot):
            self.stage.forget(gone)


class VolumeExtend(Scenario):
    kind = "volume"
    gives_up_as = ("error_extending",)

    def before(self) -> None:
        self.target = self.stage.volume()

    def begin(self) -> None:
        self.cell.api.action("volume", self.target, "os-extend", {"new_size": 2}).expect(202)

    def done(self) -> None:
        self.stage.volumes[self.target] = grown(self.stage.volumes[self.target])

    def after(self) -> None:
        self.stage.remove("volume", self.target)

    def undone(self, status: str) -> None:
        self.content = self.stage.volumes[self.target]
        super().undone(status)

    def mend(self, status: str) -> None:
        self.cell.reset("volume", self.target, "available")
        self.begin()
        assert self.rest() == "available"
        self.stage.forget(self.target)
        self.stage.volumes[self.target] = self.content
        self.done()
        self.stage.check()
        self.after()


class SnapshotCreate(Scenario):
    kind = "snapshot"

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.stage.backup(self.volume)

    def begin(self) -> None:
        self.target = self.cell.make("snapshot", "/snapshots", volume_id=self.volume)

    def done(self) -> None:
        self.stage.snapshots[self.target] = (self.volume, self.stage.volumes[self.volume].copy())

    def after(self) -> None:
        self.stage.remove("snapshot", self.target)


class SnapshotDelete(SnapshotCreate):
    """Somebody has protected it."""

    ends_as = None
    gives_up_as = ("error_deleting",)

    def before(self) -> None:
        self.target = self.stage.snapshot(self.volume)
        with self.stage.pools.open(VOLUMES_POOL, image_of(self.volume), writable=True) as image:
            image.protect_snap(f"snapshot-{self.target}")

    def begin(self) -> None:
        self.cell.api.delete(f"/snapshots/{self.target}").expect(202)

    def done(self) -> None:
        self.stage.forget(self.target)

    def after(self) -> None:
        pass

    def mend(self, status: str) -> None:
        self.cell.reset("snapshot", self.target, "available")
        super().mend(status)


class VolumeOfSnapshot(Scenario):
    """A larger one than the snapshot."""

    kind = "volume"

    def set_up(self) -> None:
        self.source = self.stage.volume()
        self.snapshot = self.stage.snapshot(self.source)
        self.stage.scribble(self.source)

    def begin(self) -> None:
        self.target = self.cell.make("volume", "/volumes", size=2, snapshot_id=self.snapshot)

    def done(self) -> None:
        self.stage.volumes[self.target] = grown(self.stage.snapshots[self.snapshot][1])

    def after(self) -> None:
        self.stage.remove("volume", self.target)


class VolumeOfVolume(VolumeOfSnapshot):
    def set_up(self) -> None:
        self.source = self.stage.volume()

    def begin(self) -> None:
        self.target = self.cell.make("volume", "/volumes", size=1, source_volid=self.source)

    def done(self) -> None:
        self.stage.volumes[self.target] = self.stage.volumes[self.source].copy()


class Trim(Scenario):
    """What an older backup has left on its volume is removed; where that fails, the next backup has it tried again."""

    kind = "volume"

    def set_up(self) -> None:
        self.target = self.stage.volume()

    def before(self) -> None:
        self.old = self.stage.backup(self.target)
        self.new = self.stage.backup(self.target, incremental=True)

    def begin(self) -> None:
        spec = json.dumps({"kind": "source_trim", "volume": self.target})
        keys = f"ARRAY['chain:{self.target}', 'volume:{self.target}']"
        self.cell.sql(f"INSERT INTO jobs (id, kind, target_id, project_id, spec, lock_keys) VALUES (gen_random_uuid(), "
                      f"'source_trim', '{self.target}', '{self.cell.api.project}', '{spec}', {keys})")

    def rest(self) -> str | None:
        newest = f"SELECT state FROM jobs WHERE target_id = '{self.target}' ORDER BY created_at DESC LIMIT 1"
        ended = until(lambda: self.cell.sql(newest), lambda state: state in ("done", "failed"), "the trim to end")
        if ended == "failed":
            self.begin()
            return self.rest()
        return super().rest()

    def done(self) -> None:
        self.stage.of_snapshots.add(self.old)

    def after(self) -> None:
        for backup in (self.new, self.old):
            self.stage.remove("backup", backup)


USUAL: tuple[type[Scenario], ...] = (
    Full, Incremental, OfSnapshot, RestoreNew, RestoreOver, DeleteNewest, DeleteMiddle, DeleteLast, Verify, Trim,
    VolumeCreate, VolumeDelete, VolumeExtend, SnapshotCreate, SnapshotDelete, VolumeOfSnapshot, VolumeOfVolume,
)
