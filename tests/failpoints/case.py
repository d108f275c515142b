"""One case: a point fails while a job is done, recovery runs, and everything is looked at."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from waiting import until

from .cell import EVERY, Cell
from .scenario import Scenario

ACTIONS = ("error", "kill", "pause")
# Whether these are passed is a matter of time: a job may end before the next renewal or record is due, or be cancelled
# before it ends.
BY_CHANCE = tuple(f"{point}.{side}" for point in ("job.renew", "job.progress", "job.finished", "restore.finish-unwanted")
                  for side in ("before", "after"))


@dataclass(frozen=True)
class Case:
    """What fails, where, and how."""

    scenario: type[Scenario]
    point: str
    action: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.scenario.__name__}/{self.point}/{self.action}"


def dry_run(scenario: Scenario) -> list[str]:
    """The points that the scenario passes when nothing fails but what it lets fail itself."""
    dry = _Run(scenario, None)
    dry.go()
    return dry.passed


def run(scenario: Scenario, case: Case) -> bool:
    """Whether the point failed at all: one of those that are passed by chance may not have been passed."""
    return _Run(scenario, case).go()


class _Run:
    """Watches the points of a cell while a job is done, and does to the workers what is to be done then."""

    def __init__(self, scenario: Scenario, case: Case | None) -> None:
        self.scenario = scenario
        self.cell: Cell = scenario.cell
        self.case = case
        self.actions = dict(scenario.faults) | ({case.point: case.action} if case else {})
        self.seen: set[str] = set()
        self.paused: list[str] = []
        self.passed: list[str] = []

    def go(self) -> bool:
        points = self.cell.points
        self.scenario.before()
        points.clear_fired()
        for point, action in self.scenario.faults.items():
            points.arm(point, action)
        if self.case:
            points.arm(self.case.point, self.case.action, self.case.nth)
        with points.traced(self.passed):
            self.scenario.begin()
            try:
                self._watch()
            finally:
                self._await(points.disarm(self.actions))
                self._wake()
            self.cell.ready()
            self.cell.idle()
        fired = not self.case or self.case.point in points.fired()
        self.scenario.finish(self.case.action if self.case and fired else self._own_action())
        return fired

    def _own_action(self) -> str | None:
        return "error" if "error" in self.scenario.faults.values() else None

    def _watch(self) -> None:
        """Until the job has ended, and what was to fail has failed."""
        waited_for = set(self.actions) - set(BY_CHANCE) - set(self.scenario.missed_at_times)

        def look() -> tuple[bool, set[str]]:
            self._react()
            return self.scenario.ended(), waited_for - self.seen

        # a little longer than a lease and what may hold a job's row: this is where recovery is waited for
        until(look, lambda seen: seen == (True, set()), f"{self.case}: the job's end, and the points to fail",
              self.scenario.patience, EVERY)

    def _await(self, failing: list[str]) -> None:
        """These have failed, or are about to: a job may have ended with its renewal still under way."""
        def look() -> set[str]:
            self._react()
            return set(failing) - self.seen

        until(look, lambda left: not left, f"{failing} to be told", every=EVERY)

    def _react(self) -> None:
        fired = self.cell.points.fired()
        for point in fired.keys() - self.seen:
            self.seen.add(point)
            worker = self.cell.worker_of(fired[point])
            if self.actions[point] == "kill":
                self.cell.processes[worker].wait(10)
            own = point in self.scenario.faults
            if own:
                self.scenario.meanwhile(point)
            if self.actions[point] == "kill":
                self.cell.spawn(worker)
            elif self.actions[point] == "pause" and own:
                self.cell.processes[worker].send_signal(signal.SIGCONT)
            elif self.actions[point] == "pause":
                self.paused.append(worker)

    def _wake(self) -> None:
        """The paused one goes on, finds out what has become of its job, and ends: it has done nothing after that."""
        for worker in self.paused:
            self.cell.processes[worker].send_signal(signal.SIGCONT)
            self.cell.restart(worker)
