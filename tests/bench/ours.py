"""A running Cindervault, what it is asked for, and what that takes."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from client import Rest
from waiting import until

POLL = 0.05


@dataclass
class Cost:
    seconds: float
    cpu: float
    peak: int  # bytes of resident memory
    before: float = 0.0  # seconds of making what the pipe needs: its snapshot, its image


class Ours:
    """One `cindervault serve`, by its address and its process."""

    def __init__(self, url: str, project: str, pid: int) -> None:
        self.rest = Rest(url, project)
        self.pid = pid
        self.ended = 0.0  # when what was last asked for became available, seconds since 1970

    def make_volume(self, name: str, gib: int) -> str:
        volume = self.rest.post("/volumes", {"volume": {"size": gib, "name": name}})["volume"]["id"]
        self.rest.await_status("volume", volume, "available")
        return volume

    def begin(self, volume: str, incremental: bool = False) -> str:
        return self.rest.post("/backups", {"backup": {"volume_id": volume, "incremental": incremental}})["backup"]["id"]

    def backup(self, volume: str, incremental: bool = False) -> str:
        backup = self.begin(volume, incremental)
        shown = self.rest.await_status("backup", backup, "available", patience=600, every=POLL)
        if shown["is_incremental"] != incremental:
            raise SystemExit(f"bench: backup {backup} is {'a full' if incremental else 'an incremental'} one")
        self.ended = changed(shown)
        return backup

    def restore(self, backup: str, onto: str | None = None) -> str:
        body = {"restore": {"volume_id": onto} if onto else {"name": "restored"}}
        volume = self.rest.post(f"/backups/{backup}/restore", body)["restore"]["volume_id"]
        shown = self.rest.await_status("volume", volume, "available", patience=600, every=POLL)
        self.rest.await_status("backup", backup, "available", patience=600, every=POLL)
        self.ended = changed(shown)
        return volume

    def forget(self, kind: str, identifier: str) -> None:
        self.rest.delete(f"/{kind}s/{identifier}")
        self.rest.await_gone(kind, identifier)

    def newest_job(self, backup: str) -> dict:
        return self.rest.get(f"/cindervault/backups/{backup}")["backup"]["jobs"][0]

    def cancelled(self, volume: str) -> float:
        """How long after the answer to the call a backup that was being copied had come to its end, cleaned up: seconds."""
        backup = self.begin(volume)
        over = ("done", "failed")
        job = until(lambda: self.newest_job(backup), lambda job: job["bytes_copied"] or job["state"] in over,
                    f"backup {backup} to be copied")
        if job["state"] in over:
            raise SystemExit(f"bench: backup {backup} ended before it could be cancelled")
        self.rest.post(f"/cindervault/backups/{backup}/cancel", None)
        began = time.monotonic()
        until(lambda: self.newest_job(backup), lambda job: job["state"] in over, f"backup {backup} to end", every=POLL / 5)
        took = time.monotonic() - began
        self.rest.await_status("backup", backup, "error")
        self.forget("backup", backup)
        return took

    def measured(self, action: Callable[[], object]) -> Cost:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5\n")  # forgets the peak of resident memory
        cpu, began = self._cpu_seconds(), time.time()
        action()
        return Cost(self.ended - began, self._cpu_seconds() - cpu, self._peak_memory())

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _peak_memory(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def changed(record: dict) -> float:
    """When a record was last changed, in seconds since 1970."""
    return datetime.datetime.fromisoformat(record["updated_at"]).replace(tzinfo=datetime.UTC).timestamp()
