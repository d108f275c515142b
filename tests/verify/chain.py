"""A volume and its backups, what each must hold, and ways to damage them behind librbd's back."""

from __future__ import annotations

import os
from typing import Any

from conformance.tenant import Tenant
from content import PIECE, Content, difference, read_image
from pools import BACKUPS_POOL, VOLUMES_POOL, Pools
from waiting import until


class Chain:
    def __init__(self, tenant: Tenant, pools: Pools) -> None:
        self.tenant = tenant
        self.pools = pools
        self.volume = tenant.volume()
        self.content = Content(1 << 30)
        self.backups: dict[str, Content] = {}

    @property
    def base(self) -> str:
        return f"volume-{self.volume}.backup.{next(iter(self.backups))}"

    def write(self, *pieces: int) -> None:
        """Random bytes onto these pieces of 4 MiB of the volume, and a few into the one behind each."""
        with self.pools.open(VOLUMES_POOL, f"volume-{self.volume}", writable=True) as image:
            for piece in pieces:
                data = os.urandom(PIECE + 5000)
                image.write(data, piece * PIECE)
                self.content.write(piece * PIECE, data)
            image.flush()

    def backup(self, incremental: bool = False) -> str:
        made = self.tenant.backup(self.volume, incremental=incremental)
        self.backups[made] = self.content.copy()
        return made

    # ---- damage

    def rot(self, piece: int) -> None:
        """One bit of the base's data is another."""
        with self.pools.open(BACKUPS_POOL, self.base) as image:
            name = f"rbd_data.{image.id()}.{piece:016x}"
        io = self.pools.io[BACKUPS_POOL]
        byte = io.read(name, 1, 1 << 20)
        io.write(name, bytes([byte[0] ^ 0x10]), 1 << 20)

    def cut(self, backup: str) -> None:
        """The base loses its end at this backup, the last one."""
        with self.pools.open(BACKUPS_POOL, self.base, writable=True) as image:
            point, = self.pools.backup_snapshots(BACKUPS_POOL, self.base, backup)
            image.remove_snap(point)
            image.resize(image.size() - PIECE)
            image.create_snap(point)

    def lose_point(self, backup: str) -> None:
        with self.pools.open(BACKUPS_POOL, self.base, writable=True) as image:
            point, = self.pools.backup_snapshots(BACKUPS_POOL, self.base, backup)
            image.remove_snap(point)

    def rot_volume(self, piece: int) -> None:
        """The volume, and its snapshots with it, hold other bytes: what a disk got wrong, or somebody wrote past librbd."""
        with self.pools.open(VOLUMES_POOL, f"volume-{self.volume}") as image:
            name = f"rbd_data.{image.id()}.{piece:016x}"
        self.pools.io[VOLUMES_POOL].write(name, os.urandom(9000), 5000)

    def lose_sums(self, backup: str, segment: str = "") -> None:
        """The index of a backup's checksums, or one segment of them, is gone."""
        with self.pools.open(BACKUPS_POOL, self.base, writable=True) as image:
            image.metadata_remove(f"cindervault.sums.{backup}{segment}")

    def spoil_metadata(self, backup: str) -> None:
        """The object with the volume's metadata holds a bit that it should not."""
        io, name = self.pools.io[BACKUPS_POOL], f"backup.{backup}.meta"
        byte, = io.read(name, 1, 5)
        io.write(name, bytes([byte ^ 0x80]), 5)

    # ---- what is known

    def told(self, backup: str) -> list[str]:
        """The actions and details of the messages about a backup."""
        return sorted(message["event_id"].removeprefix("VOLUME_VOLUME_BACKUP_")
                      for message in self.tenant.messages(backup))

    def look(self, backup: str) -> dict[str, Any]:
        return self.tenant.api.get(f"/cindervault/backups/{backup}").expect(200)["backup"]

    def verified(self, backup: str) -> dict[str, Any]:
        """What is known of a backup, once it was read back."""
        return until(lambda: self.look(backup), lambda seen: seen["verify_result"], f"backup {backup} to be verified")

    def must_be_damaged(self, backup: str, says: str) -> None:
        """It is marked, it says why, and its project was told, once."""
        seen = self.verified(backup)
        assert (seen["status"], seen["verify_result"]) == ("error", "damaged"), seen
        assert says in seen["fail_reason"], seen
        assert self.tenant.api.show("backup", backup)["fail_reason"] == seen["fail_reason"]
        told = [message for message in self.tenant.messages(backup) if message["event_id"].endswith("900_900")]
        assert [message["user_message"].split(":")[0] for message in told] == ["verify backup"], told

    def must_be_sound(self, backup: str) -> None:
        seen = self.verified(backup)
        assert (seen["status"], seen["verify_result"], seen["fail_reason"]) == ("available", "sound", None), seen

    def must_restore(self, backup: str) -> None:
        self.must_hold(self.tenant.restore(backup)["volume_id"], backup)

    def must_hold(self, volume: str, backup: str) -> None:
        """The volume has the backup's bytes."""
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}") as image:
            wrong = difference(self.backups[backup], read_image(image))
        assert wrong is None, wrong
