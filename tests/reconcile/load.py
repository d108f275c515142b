"""People at work: backups are made, restored and deleted all the time."""

from __future__ import annotations

import os
import threading
from types import TracebackType

from conformance.server import Server
from conformance.tenant import Tenant
from pools import VOLUMES_POOL, Pools

SIZE = 8 << 20


class Person(threading.Thread):
    """One project with one volume, and what every backup of it must hold."""

    def __init__(self, server: Server, pools: Pools) -> None:
        super().__init__(daemon=True)
        self.tenant = Tenant(server, server.client())
        self.pools = pools
        self.stopped = threading.Event()
        self.rounds = 0
        self.failure: BaseException | None = None
        self.holds: dict[str, bytes] = {}

    def run(self) -> None:
        try:
            volume = self.tenant.volume()
            self.keep(volume, incremental=False)
            while not self.stopped.is_set():
                backup = self.keep(volume, incremental=True)
                self.restores(backup)
                self.tenant.api.delete(f"/backups/{backup}").expect(202)
                self.tenant.await_gone("backup", backup)
                del self.holds[backup]
                self.rounds += 1
            self.keep(volume, incremental=True)
        except BaseException as failure:  # noqa: BLE001 - it is raised again where the load ends
            self.failure = failure

    def keep(self, volume: str, incremental: bool) -> str:
        data = os.urandom(SIZE)
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image:
            image.write(data, 0)
            image.flush()
        backup = self.tenant.backup(volume, incremental=incremental)
        self.holds[backup] = data
        return backup

    def restores(self, backup: str) -> None:
        restored = self.tenant.restore(backup)["volume_id"]
        with self.pools.open(VOLUMES_POOL, f"volume-{restored}") as image:
            assert image.read(0, SIZE) == self.holds[backup], f"backup {backup} does not hold what was backed up"
            assert not any(image.read(SIZE, SIZE)), f"backup {backup} holds what was never written"
        self.tenant.api.delete(f"/volumes/{restored}").expect(202)
        self.tenant.await_gone("volume", restored)


class Load:
    def __init__(self, server: Server, pools: Pools) -> None:
        self.people = [Person(server, pools) for _ in range(2)]

    def __enter__(self) -> Load:
        for person in self.people:
            person.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """Returns when all have gone; raises what went wrong for one of them."""
        for person in self.people:
            person.stopped.set()
        for person in self.people:
            person.join()
            if person.failure:
                raise person.failure
