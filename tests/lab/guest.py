"""A volume in use: the writer process on its image, and an observer of who holds the image's lock."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

WRITER = Path(__file__).with_name("writer.py")


class Guest:
    """Runs writer.py for the time of a `with` block."""

    def __init__(self, cluster, conf: str, pool: str, image: str, seed: str, mode: str) -> None:
        self.observer = LockObserver(cluster, pool, image)
        self.command = ["/usr/bin/python3", str(WRITER), conf, "cindervault-volumes", pool, image, seed, mode]
        self.report: dict = {}

    def __enter__(self) -> Guest:
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        if said != "ready\n":
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"the writer did not get as far as its first write: {said.strip() or 'it said nothing'}")
        self.observer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.observer.stop()

    def writes(self) -> int:
        """How many writes are acknowledged by now; raises what the writer saw if it has ended."""
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            return int(self.process.stdout.readline())
        except (BrokenPipeError, ValueError) as error:
            raise RuntimeError("the writer ended early") from error

    def finish(self) -> dict:
        """Let the writer end; what it saw."""
        self.observer.stop()
        said, _ = self.process.communicate()  # closes its stdin
        self.report = json.loads(said.splitlines()[-1]) if said else {"writes": 0, "error": "it said nothing at its end"}
        return self.report


class LockObserver:
    """Asks the cluster again and again who owns an image's exclusive lock.

    A lock that is taken away comes back with the owner's next write, under the same name: looking before
    and after would show nothing. The detour takes several round trips, a look takes one.
    """

    def __init__(self, cluster, pool: str, image: str) -> None:
        self.cluster, self.pool, self.image = cluster, pool, image
        self.looks = 0
        self.owners: list[str] = []  # as they changed
        self.error: Exception | None = None
        self._end = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def start(self) -> None:
        self._thread.start()
        self._looked.wait()

    def stop(self) -> None:
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _look(self) -> None:
        import rbd

        try:
            # Not read-only: such a handle knows no locks. It takes none as long as it writes nothing.
            with self.cluster.open_ioctx(self.pool) as io, rbd.Image(io, self.image) as image:
                while not self._end.wait(0.001):
                    owner = " and ".join(holder["owner"] for holder in image.lock_get_owners()) or "nobody"
                    self.looks += 1
                    if not self.owners or self.owners[-1] != owner:
                        self.owners.append(owner)
                    self._looked.set()
        except Exception as error:  # the thread's only way to say it
            self.error = error
            self._looked.set()
