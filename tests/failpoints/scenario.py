"""What is done in a case, and what must have become of it. The scenarios themselves are in `jobs.py` and `odd.py`."""

from __future__ import annotations

from typing import ClassVar

from .cell import Cell, under_way
from .stage import Stage


class Scenario:
    """One job, over and over again on the same stage, which is as before after each case."""

    # Points that fail in every case, also in the dry run, before the one that the case is about: action by name.
    faults: ClassVar[dict[str, str]] = {}
    # What a user sees when the job was answered with an error and gave up.
    gives_up_as: ClassVar[tuple[str, ...]] = ("error",)
    # What it comes to where nothing fails; `None`: it is gone.
    ends_as: ClassVar[str | None] = "available"
    kind: ClassVar[str] = "backup"
    # Whether it is tried at all of its points, or only at those that no usual one passes.
    usual: ClassVar[bool] = True

    # Points that others pass by chance, and this one surely.
    sure_of: ClassVar[tuple[str, ...]] = ()
    # Of these, those that are not passed where a lease runs out before: they are not waited for, but tried again.
    missed_at_times: ClassVar[tuple[str, ...]] = ()
    # How many cases share a stage before all that is on it is restored, backed up again and deleted.
    together: ClassVar[int] = 12
    # How long the job may take, a recovery included: longer than an image in use is tried for. An OSD that carries out the
    # watch of a client that has died keeps it.
    patience: ClassVar[float] = 150.0

    def __init__(self, cell: Cell, seed: int) -> None:
        self.cell = cell
        self.stage = Stage(cell, seed)
        self.target = ""
        self.set_up()

    def set_up(self) -> None:
        """What stands for all cases."""

    def tear_down(self) -> None:
        """Ends what was set up and is no part of the stage."""

    def before(self) -> None:
        """What a single case needs besides."""

    def begin(self) -> None:
        """Asks for the job; `target` is what it is about."""
        raise NotImplementedError

    def meanwhile(self, point: str) -> None:
        """One of the `faults` has happened; a paused process goes on after this."""

    def ended(self) -> bool:
        """Whether the job has."""
        status = self.cell.api.status(self.kind, self.target)
        return status is None or not under_way(status)

    def rest(self) -> str | None:
        """Waits for the job; the status of what it was about."""
        return self.cell.settled(self.kind, self.target)

    def done(self) -> None:
        """It did what it was to do: tells the stage."""
        raise NotImplementedError

    def undone(self, status: str) -> None:
        """It was given up: tells the stage."""
        self.stage.gave_up(self.kind, self.target, status, remains=self.ends_as is None)

    def mend(self, status: str) -> None:
        """What a user does about it."""
        self.stage.remove(self.kind, self.target)

    def after(self) -> None:
        """Makes the stage as it was before, after it was done."""

    def finish(self, action: str | None) -> None:
        """The job has ended: looks at what there is, and puts the stage in order."""
        status = self.rest()
        if status == self.ends_as:
            self.done()
            self.stage.check()
            self.after()
            return
        seen = self.cell.api.get(f"/{self.kind}s/{self.target}").body
        assert action == "error" and status in self.gives_up_as, (status, seen)
        self.undone(status)
        self.stage.check()
        self.mend(status)
        self.stage.check()
