"""The cells, and the cases that they share out among themselves."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.server import Lab

from .case import ACTIONS, Case, dry_run, run
from .cell import Cell
from .scenario import Scenario

ATTEMPTS = 5  # at what a scenario is sure of
TAKEN_OVER = "worker.fence.before"


@dataclass(frozen=True)
class Outcome:
    """Of a case, or of a scenario without one: its dry run, or its end."""

    what: str
    case: Case | None = None
    fired: bool = False
    error: BaseException | None = None
    seconds: float = 0.0


class Crew:
    def __init__(self, lab: Lab, program: Path, ceph: Any) -> None:
        self.lab, self.program, self.ceph = lab, program, ceph
        self.cells = int(os.environ.get("FAILPOINTS_CELLS") or "10")
        self.only = os.environ.get("FAILPOINTS_ONLY") or ""  # part of a case's name, as in Full/copy.piece
        names = subprocess.run([str(program), "fail-points"], capture_output=True, text=True, check=True)
        self.names = names.stdout.split()
        self.lock = threading.Lock()
        self.made = 0
        self.passed: dict[type[Scenario], list[str]] = {}  # in the dry runs
        self.outcomes: dict[type[Scenario], list[Outcome]] = {}

    def work(self, scenarios: Iterable[type[Scenario]]) -> dict[type[Scenario], list[Outcome]]:
        """Dry runs first: they tell where the cases are. Those of the odd ones while the usual cases run."""
        asked = [one for one in scenarios if one.__name__.startswith(self.only.split("/")[0])]
        usual, odd = [one for one in asked if one.usual], [one for one in asked if not one.usual]
        with _Team(self) as team:
            team.share([(one, None) for one in usual], self._do)
            cases = self._cases(usual)
            team.share([*((one, None) for one in reversed(odd)), *((case.scenario, case) for case in cases)], self._do)
            cases = sorted(self._cases(odd), key=lambda case: case.scenario.together)  # those that take long first
            team.share([(case.scenario, case) for case in cases], self._do)
        return self.outcomes

    def _do(self, scenario: Scenario, case: Case | None) -> bool:
        """What the scenario is sure of takes more than one attempt where the machine is so slow that a lease runs out."""
        if case:
            attempts = (run(scenario, case) for _ in range(ATTEMPTS if case.point in scenario.sure_of else 1))
            return any(attempts)
        for _ in range(ATTEMPTS):
            passed = self.passed[type(scenario)] = dry_run(scenario)
            # where a lease ran out though nothing failed, the points of its takeover would not be passed again
            undisturbed = scenario.faults or TAKEN_OVER not in passed
            if undisturbed and set(scenario.sure_of) <= set(passed):
                return True
        raise AssertionError(f"{set(scenario.sure_of) - set(passed) or TAKEN_OVER}: not as it should be in {ATTEMPTS} attempts")

    def _cases(self, scenarios: list[type[Scenario]]) -> list[Case]:
        """Those of the scenarios that were asked for, whose dry runs are done."""
        known = {point for scenario, points in self.passed.items() if scenario.usual for point in points}
        cases: list[Case] = []
        for scenario in scenarios:
            count = Counter(self.passed.get(scenario, ()))
            new = [point for point in count if point not in scenario.faults
                   and (scenario.usual or point in scenario.sure_of or point not in known)]
            known |= set(new)
            # of many writes one in the middle
            cases += [Case(scenario, point, action, count[point] // 2 + 1 if point.startswith("copy.piece") else 1)
                      for point in new for action in ACTIONS]
        return [case for case in cases if self.only in str(case)]

    def record(self, scenario: type[Scenario], outcome: Outcome) -> None:
        with self.lock:
            self.outcomes.setdefault(scenario, []).append(outcome)
        if outcome.error or os.environ.get("FAILPOINTS_VERBOSE"):
            said = f"{outcome.error!r}"[:600] if outcome.error else "passed" if outcome.fired else "did not come to it"
            print(f"{outcome.what}: {said} ({outcome.seconds:.1f} s)", flush=True)

    def cell(self) -> Cell:
        with self.lock:
            self.made += 1
            number = self.made
        return Cell(self.lab, number, self.program, self.ceph)


Task = tuple[type[Scenario], Case | None]


class _Team:
    """The cells of one run, each used by a thread of its own."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.free: deque[Cell] = deque()
        self.runs: deque[list[Task]] = deque()
        self.threads: list[threading.Thread] = []
        self.ended = threading.Event()
        self.broken: list[BaseException] = []  # what has ended a thread, and not a case

    def __enter__(self) -> _Team:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()  # after an interruption there may be something left to do
        for thread in self.threads:
            thread.join()
        for cell in self.free:
            cell.close()

    def share(self, tasks: list[Task], do: Callable[[Scenario, Any], bool]) -> None:
        """Each thread takes a run of tasks of one scenario, so that its stage serves for all of them."""
        self.runs.extend(_runs(tasks))
        lock = threading.Lock()

        def work() -> None:
            try:
                take_turns()
            except BaseException as error:
                self.broken.append(error)
                raise

        def take_turns() -> None:
            cell: Cell | None = None
            while True:
                with lock:
                    if not self.runs or self.ended.is_set():
                        break
                    tasks = self.runs.popleft()
                cell = cell or self._take(lock)
                cell = self._do(cell, tasks, do)
            if cell:
                self.free.append(cell)

        self.threads = [threading.Thread(target=work) for _ in range(min(self.crew.cells, len(self.runs)))]
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()
        if self.broken:
            raise self.broken[0]

    def _take(self, lock: threading.Lock) -> Cell:
        with lock:
            if self.free:
                return self.free.popleft()
        return self.crew.cell()

    def _do(self, cell: Cell, tasks: list[Task], do: Callable[[Scenario, Any], bool]) -> Cell | None:
        """On one stage; a cell in which something went wrong is not used any more."""
        kind = tasks[0][0]
        scenario: Scenario | None = None
        for _, case in tasks:
            if self.ended.is_set():
                break
            what, began = str(case or f"{kind.__name__} without a fault"), time.monotonic()
            try:
                if not cell:
                    cell = self.crew.cell()
                scenario = scenario or kind(cell, seed=len(what))
                fired = do(scenario, case)
                self.crew.record(kind, Outcome(what, case, fired, None, time.monotonic() - began))
            except Exception as error:  # noqa: BLE001 - it is told with the others, and the others go on
                _tell(error, cell)
                self.crew.record(kind, Outcome(f"{what} ({cell.name if cell else 'no cell'})", case, False, error,
                                               time.monotonic() - began))
                cell, scenario = _given_up(cell), None
        if scenario and cell:
            began = time.monotonic()
            try:
                scenario.tear_down()
                scenario.stage.check_restores()
                scenario.stage.clear()
            except Exception as error:  # noqa: BLE001 - as above
                _tell(error, cell)
                self.crew.record(kind, Outcome(f"{kind.__name__}: the end ({cell.name})", None, False, error,
                                               time.monotonic() - began))
                cell = _given_up(cell)
        return cell


def _tell(error: Exception, cell: Cell | None) -> None:
    """Adds what the cell has to say: its logs may not outlive it."""
    if cell:
        try:
            error.add_note(cell.evidence())
        except Exception as silence:  # noqa: BLE001 - the error itself is what matters
            error.add_note(f"nothing more is known: {silence!r}")


def _given_up(cell: Cell | None) -> None:
    if cell:
        cell.close()


def _runs(tasks: list[Task]) -> Iterable[list[Task]]:
    """Tasks of the same scenario that follow each other, so many at a time."""
    run: list[Task] = []
    for task in tasks:
        if run and (run[-1][0] is not task[0] or len(run) == task[0].together):
            yield run
            run = []
        run.append(task)
    if run:
        yield run
