"""The people of a town: each has a project, asks for one thing after the other, and remembers what must be there."""

from __future__ import annotations

import http.client
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from client import RequestFailed, Rest
from cluster import VOLUMES_POOL
from content import MIB, PIECE, Content
from waiting import until

from .faults import Faults
from .looks import compare, image_of
from .town import APIS, Town

GIB = 1 << 30
# A job may be interrupted again and again while it lasts.
PATIENCE = 420.0
EVERY = 0.25
UNDER_WAY = ("creating", "deleting", "restoring", "backing-up", "restoring-backup")


class Person(threading.Thread):
    def __init__(self, town: Town, pools: Any, faults: Faults, seed: int, number: int) -> None:
        super().__init__(name=f"person-{number}")
        self.town = town
        self.pools = pools
        self.faults = faults
        self.rng = random.Random(f"{seed}/person/{number}")
        self.project = uuid.uuid4().hex
        self.apis = {api: Rest(f"http://127.0.0.1:{port}", self.project, "3.70", f"admin:{self.project}")
                     for api, port in town.ports.items()}
        self.volumes: dict[str, Content] = {}
        self.backups: dict[str, tuple[str, Content]] = {}  # those that are available, with the volume
        self.failed: set[str] = set()  # those that are in error, because Ceph was full, or cancelled
        self.restored: set[str] = set()
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        try:
            unlimited = dict.fromkeys(("volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes"), -1)
            self.ask("PUT", f"/os-quota-sets/{self.project}", {"quota_set": unlimited})
            while not self.stop.is_set():
                self._act()
        except Exception as error:
            import traceback

            self.wrong.append(f"{self.name} ({self.project}): {error!r}\n{traceback.format_exc(limit=-4)}")

    def _act(self) -> None:
        if len(self.volumes) < 2:
            return self._make_volume()
        acts: dict[Callable[[], None], int] = {self._back_up: 8, self._back_up_more: 8, self._restore_new: 3, self._remove_backup: 3,
                                                self._cancel: 2}
        if self.backups:
            acts |= {self._restore_in_place: 3, self._verify: 3}
        if len(self.backups) > 8:
            acts[self._remove_backup] = 20
        if self.failed:
            acts[self._remove_failed] = 10
        self.rng.choices(list(acts), list(acts.values()))[0]()
        return None

    # ---- asking

    def ask(self, method: str, path: str, body: Any = None, look: Callable[[], Any] | None = None) -> Any:
        """The answer, from whichever API gives one. Where there was none, `look` says whether it was done all the same."""
        broken = False
        deadline = time.monotonic() + PATIENCE
        while True:
            api = self.apis[self.rng.choice(APIS)]
            try:
                if broken and look and (seen := look()) is not None:
                    return seen
                return api._request(method, path, body)
            except RequestFailed as failure:
                if failure.status != 503:
                    raise
                broken = True  # Postgres may have died with the answer to a commit
            except (OSError, http.client.HTTPException):
                api.connection.close()
                broken = True
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path} was not answered for {PATIENCE:.0f} s")
            self.stop.wait(0.3) if not self.stop.is_set() else time.sleep(0.3)

    def show(self, kind: str, identifier: str) -> dict[str, Any] | None:
        try:
            return self.ask("GET", f"/{kind}s/{identifier}")[kind]
        except RequestFailed as failure:
            if failure.status != 404:
                raise
            return None

    def named(self, kind: str, name: str) -> Callable[[], Any]:
        """Looks for the one of that name, and answers as its making would have."""
        def look() -> Any:
            found = self.ask("GET", f"/{kind}s?name={name}")[f"{kind}s"]
            return {kind: found[0]} if found else None

        return look

    def settled(self, kind: str, identifier: str) -> str | None:
        """The status when nothing is under way any more; `None` when it is gone."""
        seen = until(lambda: self.show(kind, identifier), lambda seen: seen is None or seen["status"] not in UNDER_WAY,
                     f"{kind} {identifier} of project {self.project} to come to rest", PATIENCE, EVERY)
        return seen and seen["status"]

    def expect(self, kind: str, identifier: str, wanted: str | None) -> None:
        status = self.settled(kind, identifier)
        if status != wanted:
            raise AssertionError(f"{kind} {identifier} is {status} and not {wanted}: {self.show(kind, identifier)}")

    # ---- acts

    def _make_volume(self) -> None:
        name, began = uuid.uuid4().hex, time.monotonic()
        volume = self.ask("POST", "/volumes", {"volume": {"name": name, "size": 1}}, self.named("volume", name))["volume"]["id"]
        if self.settled("volume", volume) == "error" and self.faults.was_full(began, time.monotonic()):
            self.done["volumes that failed while Ceph was full"] += 1
            return self._remove("volume", volume)
        self.expect("volume", volume, "available")
        self.volumes[volume] = Content(GIB)
        self._write(volume, self.rng.randrange(8, 40))
        self.done["volumes made"] += 1
        return None

    def _write(self, volume: str, pieces: int) -> None:
        content = self.volumes[volume]
        with self.pools.open(VOLUMES_POOL, image_of(volume), writable=True) as image:
            for _ in range(pieces):
                # few places, so that what was written is written again
                offset = self.rng.randrange(64) * PIECE
                if self.rng.random() < 0.15:
                    image.write_zeroes(offset, PIECE)
                    content.zero(offset, PIECE)
                    continue
                offset += self.rng.randrange(MIB) // 4096 * 4096
                data = self.rng.randbytes(self.rng.choice((4096, 64 << 10, MIB, 3 * MIB)))
                image.write(data, offset)
                content.write(offset, data)
            image.flush()

    def _back_up(self) -> None:
        self._make_backup(incremental=False)

    def _back_up_more(self) -> None:
        self._make_backup(incremental=True)

    def _make_backup(self, incremental: bool) -> None:
        began = time.monotonic()
        volume, content, backup = self._begin_backup(incremental)
        status = self.settled("backup", backup)
        if status == "error" and self.faults.was_full(began, time.monotonic()):
            self.failed.add(backup)
            self.done["backups that failed while Ceph was full"] += 1
        elif status == "available":
            self.backups[backup] = (volume, content)
            self.done["increments" if incremental else "full backups"] += 1
        else:
            raise AssertionError(f"backup {backup} is {status}: {self.show('backup', backup)}")
        self.expect("volume", volume, "available")

    def _begin_backup(self, incremental: bool) -> tuple[str, Content, str]:
        """Of which volume, what that held, and the backup."""
        volume = self.rng.choice(sorted(self.volumes))
        incremental = incremental and any(of == volume for of, _ in self.backups.values())
        self._write(volume, self.rng.randrange(1, 12))
        content, name = self.volumes[volume].copy(), uuid.uuid4().hex
        body = {"backup": {"name": name, "volume_id": volume, "incremental": incremental}}
        return volume, content, self.ask("POST", "/backups", body, self.named("backup", name))["backup"]["id"]

    def _cancel(self) -> None:
        """The backup is as if nobody had asked for it, or it was there before it was cancelled."""
        began = time.monotonic()
        volume, content, backup = self._begin_backup(self.rng.random() < 0.5)
        time.sleep(self.rng.uniform(0, 1.5))  # the moment is what is tried
        try:
            self.ask("POST", f"/cindervault/backups/{backup}/cancel")
        except RequestFailed as failure:
            if failure.status != 400:  # it had ended by itself
                raise
        status = self.settled("backup", backup)
        shown = self.show("backup", backup)
        if status == "available":
            self.backups[backup] = (volume, content)
            self.done["backups that were there before they were cancelled"] += 1
        elif status == "error" and "cancelled" in shown["fail_reason"]:
            self.failed.add(backup)
            self.done["backups that were cancelled"] += 1
        elif status == "error" and self.faults.was_full(began, time.monotonic()):
            self.failed.add(backup)
        else:
            raise AssertionError(f"backup {backup} was cancelled and is {status}: {shown}")
        self.expect("volume", volume, "available")

    def _verify(self) -> None:
        backup = self.rng.choice(sorted(self.backups))
        before = self.town_jobs(backup)
        look = lambda: {} if self.town_jobs(backup) > before else None  # noqa: E731
        self.ask("POST", f"/cindervault/backups/{backup}/verify", None, look)

        def newest() -> dict[str, Any]:
            return self.ask("GET", f"/cindervault/backups/{backup}")["backup"]

        seen = until(newest, lambda seen: seen["jobs"][0]["state"] in ("done", "failed"),
                     f"backup {backup} to be verified", PATIENCE, EVERY)
        if (seen["status"], seen["verify_result"]) != ("available", "sound"):
            raise AssertionError(f"backup {backup} was verified: {seen}")
        self.done["verifications"] += 1

    def _restore_new(self) -> None:
        if self.backups:
            self._restore_anew(self.rng.choice(sorted(self.backups)))

    def restore_all(self) -> None:
        """What a person is in it for: every backup that is there is restored, and has the bytes that it was made of."""
        self.restored.clear()
        try:
            for backup in sorted(self.backups):
                self._restore_anew(backup)
        except Exception as error:  # noqa: BLE001 - told with what is wrong besides
            self.wrong.append(f"{self.name} ({self.project}), at the end: {error!r}")

    def _restore_anew(self, backup: str) -> None:
        name = uuid.uuid4().hex

        def look() -> Any:
            found = self.named("volume", name)()
            return {"restore": {"volume_id": found["volume"]["id"]}} if found else None

        began = time.monotonic()
        answer = self.ask("POST", f"/backups/{backup}/restore", {"restore": {"name": name}}, look)
        volume = answer["restore"]["volume_id"]
        if not self._restored(backup, volume, began):
            return self._remove("volume", volume)
        compare(self.pools, VOLUMES_POOL, image_of(volume), None, self.backups[backup][1])
        self.done["restores to new volumes"] += 1
        self.restored.add(backup)
        return self._remove("volume", volume)

    def _restored(self, backup: str, volume: str, began: float) -> bool:
        """Whether it came to a good end; it may fail while Ceph is full, and then it says so."""
        status = self.settled("volume", volume)
        self.expect("backup", backup, "available")
        if status == "error_restoring" and self.faults.was_full(began, time.monotonic()):
            self.done["restores that failed while Ceph was full"] += 1
            return False
        self.expect("volume", volume, "available")
        return True

    def _restore_in_place(self) -> None:
        backup = self.rng.choice(sorted(self.backups))
        volume, content = self.backups[backup]
        if volume not in self.volumes:
            return
        self._write(volume, 3)
        done = False
        while not done:
            before, began = self.town_jobs(backup), time.monotonic()
            look = lambda before=before: {} if self.town_jobs(backup) > before else None  # noqa: E731
            self.ask("POST", f"/backups/{backup}/restore", {"restore": {"volume_id": volume}}, look)
            if not (done := self._restored(backup, volume, began)):
                self.ask("POST", f"/volumes/{volume}/action", {"os-reset_status": {"status": "available"}})
        compare(self.pools, VOLUMES_POOL, image_of(volume), None, content)
        self.volumes[volume] = content.copy()
        self.done["restores in place"] += 1

    def town_jobs(self, target: str) -> int:
        """How many jobs there ever were about something; Postgres may be away for a while."""
        def look() -> str | None:
            try:
                return self.town.sql(f"SELECT count(*) FROM jobs WHERE target_id = '{target}'")
            except AssertionError:
                return None

        return int(until(look, lambda seen: seen is not None, "Postgres", PATIENCE, EVERY))

    def _remove_backup(self) -> None:
        while self.failed:  # they are increments of somebody, although nobody's `has_dependent_backups` says so
            self._remove_failed()
        free = [backup for backup in self.backups if not self.show("backup", backup)["has_dependent_backups"]]
        if free:
            backup = self.rng.choice(sorted(free))
            self._remove("backup", backup)
            del self.backups[backup]
            self.done["deletions"] += 1

    def _remove_failed(self) -> None:
        self._remove("backup", self.failed.pop())

    def _remove(self, kind: str, identifier: str) -> None:
        def look() -> Any:
            seen = self.show(kind, identifier)
            return {} if seen is None or seen["status"] == "deleting" else None

        for _ in range(3):
            began = time.monotonic()
            try:
                self.ask("DELETE", f"/{kind}s/{identifier}", None, look)
            except RequestFailed as failure:
                if failure.status != 404:  # a retry of one that was done after all
                    raise
            status = self.settled(kind, identifier)
            if status is None:
                return
            if not (status == "error_deleting" and self.faults.was_full(began, time.monotonic())):
                break
        raise AssertionError(f"{kind} {identifier} is {status} and not deleted: {self.show(kind, identifier)}")
