"""What disagrees: made on Ceph and in the database, past the service."""

from __future__ import annotations

import datetime
import uuid

from conformance.rows import Rows
from conformance.server import Server
from conformance.tenant import Tenant
from pools import BACKUPS_POOL, VOLUMES_POOL, Pools

COUNT = 25
SOME = 3
EARLIER = "2026-01-02T03:04:05Z"

# A finding, as it is told: its class, and what it is about.
Told = tuple[str, str]


def new() -> str:
    return str(uuid.uuid4())


def snapshot_of(backup: str) -> str:
    return f"backup.{backup}.snap.1700000000.5"


class Orphans:
    """Makes things that disagree, and remembers how they must be told."""

    def __init__(self, server: Server, tenant: Tenant, pools: Pools) -> None:
        self.server, self.tenant, self.pools = server, tenant, pools
        self.rows = Rows(server, tenant.project)
        self.ours: set[Told] = set()
        self.foreign: set[Told] = set()

    def deleted(self, volume: str, backup: str | None = None) -> str:
        """The id of a backup that was deleted."""
        return self.rows.backup(volume, id=backup or new(), status="deleted", created_at=EARLIER, deleted_at=EARLIER)

    def image(self, name: str, *snapshots: str) -> None:
        self.pools.rbd.RBD().create(self.pools.io[BACKUPS_POOL], name, 1 << 20, old_format=False)
        with self.pools.open(BACKUPS_POOL, name, writable=True) as image:
            for snapshot in snapshots:
                image.create_snap(snapshot)

    def markers(self, volume: str) -> None:
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image:
            for told, owner in [(self.ours, lambda: self.deleted(volume)), (self.foreign, new)]:
                for _ in range(COUNT):
                    name = snapshot_of(owner())
                    image.create_snap(name)
                    told.add(("marker-without-backup", f"{VOLUMES_POOL}/volume-{volume}@{name}"))

    def points(self, volume: str, full: str) -> None:
        base = f"volume-{volume}.backup.{full}"
        with self.pools.open(BACKUPS_POOL, base, writable=True) as image:
            for told, owner in [(self.ours, lambda: self.deleted(volume)), (self.foreign, new)]:
                for _ in range(COUNT):
                    name = snapshot_of(owner())
                    image.create_snap(name)
                    told.add(("point-without-backup", f"{BACKUPS_POOL}/{base}@{name}"))

    def snapshots(self, volume: str) -> None:
        """Such as a volume keeps from being deleted, and a row without one."""
        image_name = f"{VOLUMES_POOL}/volume-{volume}"
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image:
            for told, recorded in [(self.ours, True), (self.foreign, False)]:
                for _ in range(SOME):
                    name = f"snapshot-{self.gone_snapshot(volume) if recorded else new()}"
                    copy = f"volume-{self.gone_copy(volume) if recorded else new()}.clone_snap"
                    for one in (name, copy):
                        image.create_snap(one)
                        told.add(("snapshot-without-record", f"{image_name}@{one}"))
                    image.protect_snap(copy)
        missing = self.rows.snapshot(volume, created_at=EARLIER)
        self.foreign.add(("snapshot-without-image", f"snapshot {missing}"))

    def gone_snapshot(self, volume: str) -> str:
        return self.rows.snapshot(volume, status="deleted", created_at=EARLIER, deleted_at=EARLIER)

    def gone_copy(self, volume: str) -> str:
        return self.rows.volume(source_volume_id=volume, status="deleted", created_at=EARLIER, deleted_at=EARLIER)

    def twins(self, volume: str, backup: str) -> None:
        """A second restore point and a second marker."""
        for pool, name in [(VOLUMES_POOL, f"volume-{volume}"), (BACKUPS_POOL, f"volume-{volume}.backup.{backup}")]:
            with self.pools.open(pool, name, writable=True) as image:
                image.create_snap(snapshot_of(backup))
        self.foreign |= {("two-markers", f"backup {backup}"), ("two-points", f"backup {backup}")}

    def strangers(self) -> None:
        """Images of volumes of which there is no record."""
        for _ in range(SOME):
            name = f"volume-{new()}"
            self.pools.rbd.RBD().create(self.pools.io[VOLUMES_POOL], name, 1 << 20, old_format=False)
            self.foreign.add(("image-without-record", f"{VOLUMES_POOL}/{name}"))

    def part(self, volume: str) -> None:
        """The end of a volume is cut off."""
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image:
            image.resize(1 << 20)
        self.foreign.add(("volume-too-small", f"volume {volume}"))

    def checksums(self, volume: str, full: str) -> None:
        base = f"volume-{volume}.backup.{full}"
        with self.pools.open(BACKUPS_POOL, base, writable=True) as image:
            for _ in range(COUNT):
                image.metadata_set(f"cindervault.sums.{new()}", "{}")
        self.ours.add(("unneeded-checksums", f"{BACKUPS_POOL}/{base}"))

    def bases(self) -> None:
        for told, recorded in [(self.ours, True), (self.foreign, False)]:
            for _ in range(COUNT):
                volume, backup = new(), new()
                if recorded:
                    self.deleted(volume, backup)
                name = f"volume-{volume}.backup.{backup}"
                self.image(name, snapshot_of(backup))
                told.add(("base-without-backup", f"{BACKUPS_POOL}/{name}"))

    def half_made_bases(self) -> None:
        for number in range(COUNT):
            volume, backup = new(), new()
            if number % 2:
                self.deleted(volume, backup)
            else:
                self.rows.backup(volume, id=backup, status="error", fail_reason="it failed", created_at=EARLIER)
            name = f"volume-{volume}.backup.{backup}"
            self.image(name)
            self.ours.add(("half-made-base", f"{BACKUPS_POOL}/{name}"))

    def lost_backups(self) -> None:
        for _ in range(COUNT):
            backup = self.rows.backup(created_at=EARLIER)
            self.ours.add(("backup-without-point", f"backup {backup}"))

    def metadata(self) -> None:
        for told, owner in [(self.ours, lambda: self.deleted(new())), (self.foreign, new)]:
            for _ in range(COUNT):
                name = f"backup.{owner()}.meta"
                self.pools.io[BACKUPS_POOL].write_full(name, b'{"version": 2}')
                told.add(("metadata-without-backup", f"{BACKUPS_POOL}/{name}"))

    def stale_statuses(self) -> None:
        """Those of backups, snapshots and volumes; of the latter only such that have no image by then anyhow."""
        volume = self.rows.volume(status="error", created_at=EARLIER)
        kinds = [("backup", "creating"), ("backup", "deleting"), ("backup", "restoring"), ("volume", "creating"),
                 ("volume", "deleting"), ("snapshot", "backing-up"), ("snapshot", "deleting")]
        for number in range(COUNT):
            kind, status = kinds[number % len(kinds)]
            made = {
                "backup": lambda status: self.rows.backup(status=status, service=None, created_at=EARLIER),
                "volume": lambda status: self.rows.volume(status=status, created_at=EARLIER),
                "snapshot": lambda status: self.rows.snapshot(volume, status=status, created_at=EARLIER),
            }[kind](status)
            self.ours.add(("stale-status", f"{kind} {made}"))

    def jobs(self) -> None:
        for _ in range(COUNT):
            target = new()
            spec = {"kind": "backup_delete", "backup": target, "volume": target}
            job = self.rows.insert("jobs", kind="backup_delete", target_id=target, project_id=self.tenant.project,
                                   spec=spec, lock_keys="{}", run_at="2100-01-01")
            self.ours.add(("job-without-target", f"job {job} (backup_delete)"))

    def locks(self) -> None:
        for _ in range(COUNT):
            target = new()
            job = self.rows.insert("jobs", kind="backup_delete", target_id=target, project_id=self.tenant.project,
                                   spec={"kind": "backup_delete", "backup": target, "volume": target}, lock_keys="{}",
                                   state="done", finished_at=datetime.datetime.now(datetime.UTC))
            self.server.sql(f"INSERT INTO job_locks (key, job_id) VALUES ('volume:{target}', '{job}')")
            self.ours.add(("lock-without-job", f"job {job}"))
