"""Workers are killed at random moments of what they do: nothing may be lost, left over, or copied again from the start.

    KILLS   how many                     200
    SEED    repeats the choices (not the times)

How much was written is what the OSD wrote to its disk.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "lab")]

import rados  # noqa: E402
from cluster import BACKUPS_POOL, VOLUMES_POOL  # noqa: E402
from conformance.server import Lab  # noqa: E402
from content import MIB, PIECE, Content  # noqa: E402
from pools import Pools  # noqa: E402
from waiting import until  # noqa: E402

from chaos.looks import audit, compare, empty_the_trash, image_of  # noqa: E402
from chaos.people import GIB, Person  # noqa: E402
from chaos.town import Town  # noqa: E402

# Of the volume whose full backups tell how much is copied again.
LARGE = 1280 * MIB
# Of the one with which everything else is done: most of the time is spent waiting for leases to run out.
SMALL = 256 * MIB
CHANGED = 24  # pieces, before an increment or a restore in place
TRIM_ABOVE = 10 * GIB  # of disk under the OSD: its file only grows by itself


class Unhindered:
    """No other fault than the killing."""

    def was_full(self, *_: float) -> bool:
        return False


class Kills:
    def __init__(self, town: Town, pools: Pools, seed: int, kills: int) -> None:
        self.town = town
        self.person = Person(town, pools, Unhindered(), seed, 0)
        self.rng = random.Random(f"{seed}/kills")
        self.wanted = kills
        self.hit: Counter[str] = Counter()
        self.took: dict[str, float] = {}
        self.copied: list[tuple[int, int, int]] = []  # of each full backup: kills, bytes written, bytes of data

    def run(self) -> None:
        person = self.person
        unlimited = dict.fromkeys(("volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes"), -1)
        person.ask("PUT", f"/os-quota-sets/{person.project}", {"quota_set": unlimited})
        large, small = self.filled(LARGE), self.filled(SMALL)
        self.large_round(large, killing=False)
        self.round(small, killing=False)
        while sum(self.hit.values()) < self.wanted:
            self.large_round(large, killing=True)
            self.round(small, killing=True)
            self.round(small, killing=True)
            print(f"{sum(self.hit.values())} kills", flush=True)
            if self.town.lab.cluster.disk_bytes() > TRIM_ABOVE:
                self.town.lab.cluster.trim()

    def filled(self, amount: int) -> str:
        """A volume with so many bytes of random data."""
        person, gib = self.person, -(-amount // GIB)
        volume = person.ask("POST", "/volumes", {"volume": {"size": gib}})["volume"]["id"]
        person.expect("volume", volume, "available")
        person.volumes[volume] = Content(gib * GIB)
        self.write(volume, [index * PIECE for index in range(amount // PIECE)])
        return volume

    def write(self, volume: str, offsets: list[int]) -> None:
        content = self.person.volumes[volume]
        with self.person.pools.open(VOLUMES_POOL, image_of(volume), writable=True) as image:
            for offset in offsets:
                data = os.urandom(PIECE)
                image.write(data, offset)
                content.write(offset, data)
            image.flush()

    def scribble(self, volume: str) -> None:
        self.write(volume, [self.rng.randrange(SMALL // PIECE) * PIECE for _ in range(CHANGED)])

    def large_round(self, volume: str, killing: bool) -> None:
        """A full backup, looked at, and its removal."""
        person = self.person
        before, kills = self.written(), self.hit["large full backup"]
        full = self.made(volume, "large full backup", killing)
        if killing:
            self.copied.append((self.hit["large full backup"] - kills, self.written() - before, LARGE))
        base, content = f"{image_of(volume)}.backup.{full}", person.backups[full][1]
        compare(person.pools, BACKUPS_POOL, base, person.pools.backup_snapshots(BACKUPS_POOL, base, full)[0], content)
        person._remove("backup", full)
        del person.backups[full]

    def round(self, volume: str, killing: bool) -> None:
        """A full backup, an increment, restores of both kinds, and the removal of all."""
        person = self.person
        full = self.made(volume, "full backup", killing)
        self.scribble(volume)
        more = self.made(volume, "increment", killing, incremental=True)
        _, content = person.backups[more]

        def to_new() -> str:
            return person.ask("POST", f"/backups/{more}/restore", {"restore": {}})["restore"]["volume_id"]

        restored = self.disturbed("restore to new", to_new, more, lambda new: person.expect("volume", new, "available"), killing)
        person.expect("backup", more, "available")
        compare(person.pools, VOLUMES_POOL, image_of(restored), None, content)
        person._remove("volume", restored)

        self.scribble(volume)
        _, content = person.backups[full]

        def in_place() -> str:
            person.ask("POST", f"/backups/{full}/restore", {"restore": {"volume_id": volume}})
            return volume

        self.disturbed("restore in place", in_place, full, lambda _: person.expect("volume", volume, "available"), killing)
        person.expect("backup", full, "available")
        compare(person.pools, VOLUMES_POOL, image_of(volume), None, content)
        person.volumes[volume] = content.copy()

        for backup in (more, full):
            def remove(backup: str = backup) -> str:
                person.ask("DELETE", f"/backups/{backup}")
                return backup

            self.disturbed("delete", remove, backup, lambda gone: person.expect("backup", gone, None), killing)
            del person.backups[backup]

    def made(self, volume: str, kind: str, killing: bool, incremental: bool = False) -> str:
        person = self.person
        content = person.volumes[volume].copy()
        body = {"backup": {"volume_id": volume, "incremental": incremental}}
        backup = self.disturbed(kind, lambda: person.ask("POST", "/backups", body)["backup"]["id"], None,
                                lambda made: person.expect("backup", made, "available"), killing)
        assert person.show("backup", backup)["is_incremental"] == incremental, backup
        person.expect("volume", volume, "available")
        person.backups[backup] = (volume, content)
        return backup

    def disturbed(self, kind: str, begin: Callable[[], str], target: str | None, ended: Callable[[str], None],
                  killing: bool) -> str:
        """Begins something, kills whoever does it at some moment, perhaps again, and waits for its end."""
        began = time.monotonic()
        made = begin()
        target = target or made
        while killing:
            time.sleep(self.rng.uniform(0, self.took[kind]))  # the moment is what is tried
            job = self.town.rows(f"SELECT worker FROM jobs WHERE target_id = '{target}' AND state = 'running'")
            if not job or not job[0]["worker"]:
                break
            name = job[0]["worker"].split(":")[0]
            self.town.send(name, signal.SIGKILL)
            self.town.restart(name)
            self.hit[kind] += 1
            if self.rng.random() < 0.7:
                break
            until(lambda: self.town.rows(f"SELECT state, worker FROM jobs WHERE target_id = '{target}' "
                                         "ORDER BY created_at DESC LIMIT 1")[0],
                  lambda now: now["worker"] != job[0]["worker"], f"somebody to take over {kind} {target}")
        ended(made)
        if not killing:
            self.took[kind] = time.monotonic() - began
        return made

    def tell_who_holds_what(self) -> None:
        """The watchers of all images of volumes, and the workers' addresses."""
        pools = self.person.pools
        for image in pools.images(VOLUMES_POOL):
            with pools.open(VOLUMES_POOL, image) as opened:
                print(f"{image} is watched by {[one['addr'] for one in opened.watchers_list()]}")
        for row in self.town.rows("SELECT name, connections FROM workers ORDER BY 1"):
            print(f"{row['name']}: {row['connections']}")

    def written(self) -> int:
        """By the OSD's process, to its disk: a little more than it was sent."""
        pid = self.town.lab.cluster.osd.pid()
        assert pid, "the OSD does not run"
        told = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        return int(told["write_bytes"])

    def tell(self) -> None:
        for kind, count in self.hit.most_common():
            print(f"  {count:6}  while it was making: {kind} (takes {self.took[kind]:.2f} s undisturbed)")
        ratios = [written / data for kills, written, data in self.copied if kills]
        total = sum(written for _, written, _ in self.copied) / sum(data for _, _, data in self.copied)
        print(f"large full backups that were interrupted: {len(ratios)}; of their volume's data they wrote "
              f"{statistics.mean(ratios):.2f} times on average, {max(ratios):.2f} at most; all of them {total:.2f}")


def main() -> int:
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    lab = Lab(Path(os.environ["LAB_DIR"]).resolve())
    with rados.Rados(conffile=str(lab.cluster.conf), name="client.admin") as ceph:
        town = Town(lab, "kills", {"worker": {"lease_seconds": 3, "heartbeat_seconds": 2}})
        kills = Kills(town, Pools(ceph), seed, int(os.environ.get("KILLS") or 200))
        print(f"seed {seed}", flush=True)
        try:
            try:
                kills.run()
            except BaseException:
                kills.tell_who_holds_what()
                raise
            trashed = empty_the_trash(town, kills.person.pools)
            wrong = audit(town, kills.person.pools, [kills.person])
        finally:
            town.stop()
    print(f"kills: {sum(kills.hit.values())}; images that went to the trash, and were purged from there: {trashed}")
    kills.tell()
    print("\n".join(["", "WRONG:", *wrong]) if wrong else "\nkills: nothing wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended
    sys.exit(main())
