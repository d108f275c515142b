"""The fail points of one cell, as the processes see them: see crates/fail-points."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path


class Points:
    """The directory that says what is to fail, and says what did."""

    def __init__(self, directory: Path) -> None:
        self.dir = directory

        shutil.rmtree(self.dir, ignore_errors=True)
        for kind in ("armed", "fired"):
            (self.dir / kind).mkdir(parents=True)

    def clear_fired(self) -> None:
        """Nothing has failed so far."""
        for fired in (self.dir / "fired").iterdir():
            fired.unlink()

    def arm(self, point: str, action: str, nth: int = 1) -> None:
        """At the n-th pass of this point: `error`, `kill` or `pause`."""
        new = self.dir / f"arm-{point}"
        new.write_text(f"{nth} {action}")
        new.rename(self.dir / "armed" / point)

    def disarm(self, points: Iterable[str]) -> list[str]:
        """What of these has not failed by now does not fail. Returns the others: they have failed, or are about to."""
        failing = []
        for point in points:
            try:
                (self.dir / "armed" / point).unlink()
            except FileNotFoundError:
                failing.append(point)
        return failing

    def fired(self) -> dict[str, int]:
        """The points that failed, and the pids of the processes in which they did."""
        return {file.name: int(file.read_text()) for file in (self.dir / "fired").iterdir()}

    @contextlib.contextmanager
    def traced(self, passed: list[str]) -> Iterator[None]:
        """Adds the names of all points that are passed inside, in their order, at the end."""
        trace = self.dir / "trace"
        trace.touch()
        yield
        passed += trace.read_text().split()
        trace.unlink()
