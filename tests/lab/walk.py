#!/usr/bin/python3
"""The walk: a volume, its full and incremental backups on a real Ceph, and every restore byte for byte.

Runs against the lab that its environment names (see lab.py). Every step asks through the `openstack`
command; the answers are then looked up where they must be true: on Ceph, past the service. A failing
check is told with what was expected and what was seen, and the walk goes on where it can.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import rados
import rbd
from checks import Checks, say
from client import CommandFailed, Openstack, RequestFailed, Rest
from cluster import BACKUPS_POOL, VOLUMES_POOL
from content import MIB, Content, Scribbler, difference, prefixes, read_image
from guest import Guest
from identity import lab_login
from lab import venv
from pools import Pools, backup_of
from waiting import until
from writer import first_writes

VOLUME_GIB = 1
USAGE = ("volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes")


class StepImpossible(Exception):
    """What a step builds upon is not there."""


@dataclass
class Backup:
    name: str
    id: str
    content: Content
    parent: Backup | None
    members: list[Backup] = field(default_factory=list)  # of a full one: its chain, itself first

    @property
    def root(self) -> Backup:
        return self.parent.root if self.parent else self


class Walk:
    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.checks = Checks()
        self.login = lab_login()
        self.rest = self._rest()
        self.openstack = Openstack(venv() / "bin/openstack", say)
        self.cluster = rados.Rados(conffile=os.environ["CEPH_CONF"], name="client.admin")
        self.cluster.connect(timeout=30)
        self.pools = Pools(self.cluster)
        self.scribbler = Scribbler(random.Random(seed), Content(VOLUME_GIB << 30))
        self.volume = ""
        self.backups: dict[str, Backup] = {}
        self.snapshots: dict[str, str] = {}  # name: id
        self.restored: dict[str, str] = {}  # name of the backup: id of the volume made from it

    # ---- the twelve steps

    def step_01(self) -> None:
        """create a 1 GiB volume; write data into it through librbd"""
        made = self.openstack.json("volume", "create", "--size", str(VOLUME_GIB), "lab-volume")
        self.rest.await_status("volume", made["id"], "available")
        self.volume = made["id"]
        self.checks.equal(f"the volume is an image in {VOLUMES_POOL}", [self.image], self.pools.images(VOLUMES_POOL))
        with self.pools.open(VOLUMES_POOL, self.image) as image:
            self.checks.equal("the image has the volume's size", VOLUME_GIB << 30, image.size())
        self.write(150)

    def step_02(self) -> None:
        """full backup01"""
        self.make_backup("backup01")

    def step_03(self) -> None:
        """write; snapshot snap01"""
        self.write()
        self.make_snapshot("snap01")

    def step_04(self) -> None:
        """write; incremental backup01-incre, while the volume is attached and written to"""
        self.write()
        self.make_backup("backup01-incre", parent="backup01", attached="auto")

    def step_05(self) -> None:
        """write; full backup02; snapshot snap02"""
        self.write()
        self.make_backup("backup02")
        self.make_snapshot("snap02")

    def step_06(self) -> None:
        """restore backup01 onto the volume; write; full backup03; snapshot snap03"""
        self.restore_onto_volume("backup01")
        self.write()
        self.make_backup("backup03")
        self.make_snapshot("snap03")

    def step_07(self) -> None:
        """restore backup01-incre; write; incremental backup01-incre02 (attached), into backup03's image"""
        self.restore_onto_volume("backup01-incre")
        self.write()
        self.make_backup("backup01-incre02", parent="backup03", attached="exclusive")

    def step_08(self) -> None:
        """restore backup02; write; incremental backup02-incre03, again into backup03's image"""
        self.restore_onto_volume("backup02")
        self.write()
        self.make_backup("backup02-incre03", parent="backup01-incre02")

    def step_09(self) -> None:
        """restore backup03; write; full backup04"""
        self.restore_onto_volume("backup03")
        self.write()
        self.make_backup("backup04")

    def step_10(self) -> None:
        """write; incremental backup04-incre04"""
        self.write()
        self.make_backup("backup04-incre04", parent="backup04")
        listed = self.openstack.json("volume", "backup", "list")
        self.checks.equal("the list has all eight backups, available", {name: "available" for name in self.backups},
                          {backup["Name"]: backup["Status"] for backup in listed})

    def step_11(self) -> None:
        """restore each of the eight backups to a new volume"""
        self.checks.equal("there are eight backups to restore", 8, len(self.backups))
        with ThreadPoolExecutor(2) as two_at_a_time:
            restores = {name: two_at_a_time.submit(self._restore_to_new_volume, backup)
                        for name, backup in self.backups.items()}
        for name, restore in restores.items():
            try:
                self.restored[name] = restore.result()
                self._check_new_volume(self.backups[name])
            except (CommandFailed, RequestFailed, TimeoutError, rbd.Error) as error:
                self.checks.impossible(f"{name} is restored to a new volume", str(error))

    def step_12(self) -> None:
        """delete everything"""
        self._refuse_to_delete_a_parent()
        while generation := self._without_children():
            self.openstack.run("volume", "backup", "delete", *(backup.name for backup in generation))
            for backup in generation:
                self.rest.await_gone("backup", backup.id)
                del self.backups[backup.name]
                backup.root.members.remove(backup)
            self._check_what_remains(f"after deleting {' and '.join(backup.name for backup in generation)}")
        self.openstack.run("volume", "delete", *(f"restored-{name}" for name in self.restored))
        self.openstack.run("volume", "snapshot", "delete", *self.snapshots)
        for snapshot in self.snapshots.values():
            self.rest.await_gone("snapshot", snapshot)
        self.snapshots.clear()
        self.openstack.run("volume", "delete", self.volume)
        for volume in (*self.restored.values(), self.volume):
            self.rest.await_gone("volume", volume)
        self._check_that_nothing_is_left()

    # ---- what the steps are made of

    @property
    def image(self) -> str:
        if not self.volume:
            raise StepImpossible("there is no volume")
        return f"volume-{self.volume}"

    def backup(self, name: str) -> Backup:
        if name not in self.backups:
            raise StepImpossible(f"there is no {name}")
        return self.backups[name]

    def write(self, changes: int = 24) -> None:
        with self.pools.open(VOLUMES_POOL, self.image, writable=True) as image:
            say(f"changed the volume: {self.scribbler.scribble(image, changes)}")
        self._compare_volume("the volume holds what was written")

    def make_snapshot(self, name: str) -> None:
        made = self.openstack.json("volume", "snapshot", "create", "--volume", self.volume, name, "--force")
        self.rest.await_status("snapshot", made["id"], "available")
        self.snapshots[name] = made["id"]
        self.checks.that(f"{name} stands on the volume's image",
                         f"snapshot-{made['id']}" in self.pools.snapshots(VOLUMES_POOL, self.image),
                         self.pools.snapshots(VOLUMES_POOL, self.image))

    def make_backup(self, name: str, parent: str | None = None, attached: str | None = None) -> None:
        """A full backup, or an incremental whose diff must start at `parent`."""
        parents = self.backup(parent) if parent else None
        arguments = ("volume", "backup", "create", self.volume, *(["--incremental"] if parent else []), "--force",
                     "--name", name)
        if attached:
            made, content = self._backup_attached(arguments, attached)
        else:
            made = self.openstack.json(*arguments)
            self.rest.await_status("backup", made["id"], "available")
            content = self.scribbler.content.copy()
            self._check_volume_status("available")
        backup = Backup(name, made["id"], content, parents)
        backup.root.members.append(backup)
        self.backups[name] = backup
        self._check_backup(backup)

    def restore_onto_volume(self, name: str) -> None:
        backup = self.backup(name)
        before = self.pools.snapshots(VOLUMES_POOL, self.image)
        self.openstack.run("volume", "backup", "restore", name, self.volume, "--force")
        self.rest.await_status("volume", self.volume, "available")
        self.rest.await_status("backup", backup.id, "available")
        self.scribbler.content = backup.content.copy()
        self._compare_volume(f"the volume holds what {name} holds, byte for byte")
        self.checks.equal("the restore left no snapshot and took none away", before,
                          self.pools.snapshots(VOLUMES_POOL, self.image))

    def _backup_attached(self, arguments: tuple[str, ...], mode: str) -> tuple[dict, Content]:
        """Back up under a guest's writes; the backup holds what stood after some number of them."""
        self._attach()
        before, seed = self.scribbler.content.copy(), f"{self.seed}/guest/{mode}"
        with Guest(self.cluster, os.environ["CEPH_CONF"], VOLUMES_POOL, self.image, seed, mode) as guest:
            at_least = guest.writes()
            made = self.openstack.json(*arguments)
            self.rest.await_status("backup", made["id"], "available")
            at_most = guest.writes() + 1  # one more may be on its way
            report = guest.finish()
        self._check_volume_status("in-use")
        say(f"the guest made {report['writes']} writes, the slowest took {report['longest_write_seconds'] * 1000:.0f} ms")
        self.checks.equal("the guest saw no error", None, report["error"])
        self.checks.that(f"the guest kept the exclusive lock ({guest.observer.looks} looks)",
                         len(guest.observer.owners) == 1 and "nobody" not in guest.observer.owners
                         and guest.observer.error is None, guest.observer.error or guest.observer.owners)
        points = prefixes(before, first_writes(seed, report["writes"], before.size), self._pieces_of(made["id"]))
        self.checks.that(f"the backup holds exactly the first {points[0] if points else '?'} of the guest's writes",
                         len(points) == 1, f"{len(points)} numbers of writes fit: {points[:5]}")
        self.checks.that("that point lies between asking for the backup and its end",
                         bool(points) and at_least <= points[0] <= at_most, f"{points[:1]}, between {at_least} and {at_most}")
        for content, count in ((before, points[0] if points else 0), (self.scribbler.content, report["writes"])):
            for offset, data in first_writes(seed, count, content.size):
                content.write(offset, data)
        self._detach()
        self._compare_volume("the volume holds all of the guest's writes")
        return made, before

    def _pieces_of(self, backup: str) -> list[bytes]:
        """The whole of one backup, read past the service from whatever image holds it."""
        for image in self.pools.images(BACKUPS_POOL):
            for snapshot in self.pools.backup_snapshots(BACKUPS_POOL, image, backup):
                with self.pools.open(BACKUPS_POOL, image, snapshot) as opened:
                    return read_image(opened)
        return []

    def _attach(self) -> None:
        self.rest.post(f"/volumes/{self.volume}/action", {"os-attach": {
            "instance_uuid": "5b6b4e29-7b0c-4b53-9a1a-3f1d1f0f6e55", "mountpoint": "/dev/vdb", "mode": "rw"}})
        self.rest.await_status("volume", self.volume, "in-use")

    def _detach(self) -> None:
        attachment = self.rest.show("volume", self.volume)["attachments"][0]["attachment_id"]
        self.rest.post(f"/volumes/{self.volume}/action", {"os-detach": {"attachment_id": attachment}})
        self.rest.await_status("volume", self.volume, "available")

    def _compare_volume(self, what: str) -> None:
        with self.pools.open(VOLUMES_POOL, self.image) as image:
            seen = read_image(image)
        said = difference(self.scribbler.content, seen)
        self.checks.no_difference(f"{what} ({self.scribbler.content.size // MIB} MiB compared)", said)
        if said and len(seen) == len(self.scribbler.content.pieces):
            self.scribbler.content.pieces = seen  # told once; what comes next is measured by what is there

    def _check_volume_status(self, expected: str) -> None:
        self.checks.equal("the volume is back to its status", expected, self.rest.show("volume", self.volume)["status"])

    def _check_backup(self, backup: Backup) -> None:
        check = self.checks
        self._check_backup_images()
        chain = self._chain_image(backup.root)
        on_chain = self.pools.backup_snapshots(BACKUPS_POOL, chain, backup.id) if self._exists(chain) else []
        on_volume = self.pools.backup_snapshots(VOLUMES_POOL, self.image, backup.id)
        check.equal(f"{backup.name} is one snapshot in {backup.root.name}'s image", 1, len(on_chain))
        check.equal("and the equally named one on the volume's image", on_chain, on_volume)
        self._check_volume_snapshots()
        if on_chain:
            with self.pools.open(BACKUPS_POOL, chain, on_chain[0]) as image:
                check.no_difference(f"{backup.name} holds what the volume held, byte for byte",
                                    difference(backup.content, read_image(image)))
        self._check_metadata_object(backup)
        shown = self.rest.show("backup", backup.id)
        expected = {"name": backup.name, "status": "available", "size": VOLUME_GIB, "volume_id": self.volume,
                    "is_incremental": backup.parent is not None, "has_dependent_backups": False, "fail_reason": None,
                    "snapshot_id": None, "container": BACKUPS_POOL}
        check.equal(f"the API shows {backup.name} as it is", expected, {key: shown.get(key) for key in expected})
        if backup.parent:
            check.equal(f"the API knows that {backup.parent.name} now has a dependent backup", True,
                        self.rest.show("backup", backup.parent.id)["has_dependent_backups"])

    def _check_backup_images(self) -> None:
        expected = {self._chain_image(backup.root): self._points(backup.root) for backup in self.backups.values()}
        seen = {image: [backup_of(name) or name for name in self.pools.snapshots(BACKUPS_POOL, image)]
                for image in self.pools.images(BACKUPS_POOL)}
        self.checks.equal(f"{BACKUPS_POOL} has one image per full backup, with the snapshots of its chain, and no other "
                          f"({len(expected)} images, {sum(map(len, expected.values()))} snapshots)", expected, seen)

    def _check_volume_snapshots(self) -> None:
        """Markers of older backups may have been trimmed; strangers may not be there."""
        ours = {f"snapshot-{snapshot}" for snapshot in self.snapshots.values()}
        backups = {backup.id for backup in self.backups.values()}

        def look() -> tuple[list[str], list[str]]:
            seen = self.pools.snapshots(VOLUMES_POOL, self.image)
            return [name for name in seen if name not in ours and backup_of(name) not in backups], sorted(ours - set(seen))

        try:
            # one that is being trimmed has another name until it is gone
            seen = until(look, lambda seen: seen == ([], []), "the last marker to be trimmed")
        except TimeoutError:
            seen = look()
        self.checks.equal("the volume's image has its snapshots and markers of backups, and no other", ([], []), seen)

    def _check_metadata_object(self, backup: Backup) -> None:
        text = self.pools.read_object(BACKUPS_POOL, f"backup.{backup.id}.meta")
        try:
            meta = json.loads(text or b"{}")
            seen = (meta.get("version"), meta.get("volume-base-metadata", {}).get("id"),
                    meta.get("volume-base-metadata", {}).get("display_name"))
        except ValueError as error:
            seen = (text, error)
        self.checks.equal(f"{backup.name}'s metadata object tells of the volume", (2, self.volume, "lab-volume"), seen)

    def _restore_to_new_volume(self, backup: Backup) -> str:
        made = self.openstack.json("volume", "backup", "restore", backup.name, f"restored-{backup.name}")
        rest = self._rest()
        rest.await_status("volume", made["volume_id"], "available")
        rest.await_status("backup", backup.id, "available")
        return made["volume_id"]

    def _check_new_volume(self, backup: Backup) -> None:
        volume = self.restored[backup.name]
        image, chain = f"volume-{volume}", self._chain_image(backup.root)
        with self.pools.open(VOLUMES_POOL, image) as opened:
            self.checks.no_difference(f"restored-{backup.name} holds what {backup.name} holds, byte for byte "
                                      f"({backup.content.size // MIB} MiB compared)",
                                      difference(backup.content, read_image(opened)))
        self.checks.equal("it has no snapshot", [], self.pools.snapshots(VOLUMES_POOL, image))
        points = self.pools.backup_snapshots(BACKUPS_POOL, chain, backup.id)
        kept, restored = self.pools.allocation(BACKUPS_POOL, chain, points[0]), self.pools.allocation(VOLUMES_POOL, image)
        self.checks.that(f"it is as thin as its backup: {restored}, the backup {kept}",
                         restored.bytes <= kept.bytes and restored.objects <= kept.objects)
        shown = self.rest.show("volume", volume)
        expected = {"name": f"restored-{backup.name}", "size": VOLUME_GIB, "metadata": {"src_backup_id": backup.id}}
        self.checks.equal("the API shows it as it is", expected, {key: shown.get(key) for key in expected})

    def _refuse_to_delete_a_parent(self) -> None:
        parent = next((backup.parent for backup in self.backups.values() if backup.parent), None)
        if not parent:
            raise StepImpossible("there is no incremental backup")
        try:
            self.rest.delete(f"/backups/{parent.id}")
            seen = "it was not refused"
        except RequestFailed as failure:
            seen = f"{failure.status} {'Incremental backups exist for this backup.' in str(failure)}"
        self.checks.equal(f"deleting {parent.name} under its incrementals is refused", "400 True", seen)

    def _without_children(self) -> list[Backup]:
        parents = {backup.parent.id for backup in self.backups.values() if backup.parent}
        return [backup for backup in self.backups.values() if backup.id not in parents]

    def _check_what_remains(self, when: str) -> None:
        say(when)
        self._check_backup_images()
        metadata = {f"backup.{backup.id}.meta" for backup in self.backups.values()}
        self.checks.equal("every remaining backup has its metadata object, no other is left", metadata,
                          {name for name in self.pools.objects(BACKUPS_POOL) if name.endswith(".meta")})

    def _check_that_nothing_is_left(self) -> None:
        for pool in (VOLUMES_POOL, BACKUPS_POOL):
            self.checks.equal(f"{pool} has no image", [], self.pools.images(pool))
            self.checks.equal(f"{pool} has no object but the pool's own", [], self._objects_left(pool))
            self.checks.equal(f"the pool's own objects of {pool} list nothing", [], self.pools.directory_entries(pool))
        in_use = self.rest.quota_in_use()
        self.checks.equal("quota usage is 0", dict.fromkeys(USAGE, 0), {name: in_use.get(name) for name in USAGE})
        self.checks.equal("no backup and no volume is listed", ([], []),
                          (self.openstack.json("volume", "backup", "list"), self.openstack.json("volume", "list")))

    def _objects_left(self, pool: str, patience: float = 60.0) -> list[str]:
        """The OSD takes away what deleted snapshots held when it finds the time: that needs a wait."""
        try:
            left = until(lambda: self.pools.objects(pool), lambda left: not left, f"{pool} to be empty", patience, every=0.1)
        except TimeoutError:
            left = self.pools.objects(pool)
        return left if len(left) <= 10 else [*left[:10], f"and {len(left) - 10} more"]

    def _chain_image(self, root: Backup) -> str:
        return f"{self.image}.backup.{root.id}"

    def _points(self, root: Backup) -> list[str]:
        return [backup.id for backup in root.members]

    def _exists(self, image: str) -> bool:
        return image in self.pools.images(BACKUPS_POOL)

    def _rest(self) -> Rest:
        as_whom = {"token": self.login.token} if self.login else {}
        return Rest(os.environ["CINDERVAULT_URL"], os.environ["CINDERVAULT_PROJECT"], **as_whom)

    # ---- telling and going on

    def show_ceph(self) -> None:
        """What stands on Ceph now: images, and under each its snapshots, with our names beside their ids."""
        names = {backup.id: backup.name for backup in self.backups.values()}
        names |= {snapshot: name for name, snapshot in self.snapshots.items()}
        names |= {volume: f"restored-{name}" for name, volume in self.restored.items()}
        names[self.volume or "-"] = "lab-volume"
        say("on Ceph now:")
        for pool in (VOLUMES_POOL, BACKUPS_POOL):
            images = self.pools.images(pool)
            if not images:
                say(f"{pool}: no image", indent=6)
            for image in images:
                owner = image.split(".backup.")[-1].removeprefix("volume-")
                say(f"{f'{pool}/{image}':<104} {names.get(owner, '')}", indent=6)
                for snapshot in self.pools.snapshots(pool, image):
                    of = backup_of(snapshot) or snapshot.removeprefix("snapshot-")
                    say(f"@{snapshot:<100} {names.get(of, '')}", indent=9)

    def run(self) -> int:
        started = time.monotonic()
        steps: list[Callable[[], None]] = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("step_")]
        for number, step in enumerate(steps, start=1):
            self._run_step(number, step)
        print(f"\nthe walk took {time.monotonic() - started:.1f} s; its seed was {self.seed}")
        self.checks.sum_up()
        return 1 if self.checks.failed else 0

    def _run_step(self, number: int, step: Callable[[], None]) -> None:
        title = (step.__doc__ or "").strip()
        print(f"\n== {number}. {title}", flush=True)
        self.checks.step = f"step {number}"
        began = time.monotonic()
        try:
            step()
        except (CommandFailed, RequestFailed, StepImpossible, TimeoutError, RuntimeError, LookupError, OSError,
                rbd.Error, rados.Error) as error:
            self.checks.impossible(f"step {number} can be walked to its end", f"{type(error).__name__}: {error}")
        try:
            self.show_ceph()
        except (rbd.Error, rados.Error) as error:
            self.checks.impossible("Ceph can be looked at", str(error))
        say(f"({time.monotonic() - began:.1f} s)")


def interrupted(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", default=os.environ.get("LAB_SEED") or secrets.token_hex(4),
                        help="decides every write; LAB_SEED in the environment does too")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    if missing := [name for name in ("CINDERVAULT_URL", "CINDERVAULT_PROJECT", "CEPH_CONF") if name not in os.environ]:
        sys.exit(f"walk: {', '.join(missing)} not set: run `make lab`, or `source` a running lab's env file first")
    print(f"the walk's seed is {chosen.seed} (repeat its writes with LAB_SEED={chosen.seed})")
    return Walk(chosen.seed).run()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
