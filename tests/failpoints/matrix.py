"""Every job, failed, killed and paused at each of its points.

A scenario is first done without a fault, which tells the points that it passes; then once for each of them and each
action. Several cells work side by side, because most of the time is spent waiting for leases to run out.
"""

from __future__ import annotations

import collections
import contextlib
import traceback

import pytest
from cluster import BACKUPS_POOL, VOLUMES_POOL
from pools import Pools
from takeover.disks import stray_data
from waiting import until

from .alone import ALONE
from .case import BY_CHANCE
from .crew import Crew, Outcome
from .jobs import USUAL
from .odd import ODD
from .scenario import Scenario

POOLS = (VOLUMES_POOL, BACKUPS_POOL)
ALL: tuple[type[Scenario], ...] = (*USUAL, *ODD, *ALONE)


@pytest.fixture(scope="session")
def outcomes(crew: Crew) -> dict[type[Scenario], list[Outcome]]:
    """Of all cases; what a scenario of its own was made for is asked only at the points that no usual one passes."""
    return crew.work(ALL)


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.__name__)
def test_recovers(crew: Crew, outcomes: dict[type[Scenario], list[Outcome]], scenario: type[Scenario]) -> None:
    wrong = [f"{outcome.what}\n{''.join(traceback.format_exception(outcome.error))}"
             for outcome in outcomes.get(scenario, []) if outcome.error]
    assert crew.only or outcomes.get(scenario), "nothing was tried"
    assert not wrong, f"{len(wrong)} of {len(outcomes[scenario])}:\n\n" + "\n".join(wrong)


def test_no_point_is_left_out(crew: Crew, outcomes: dict[type[Scenario], list[Outcome]]) -> None:
    """A point that no scenario passes is one that nobody knows anything about."""
    never = sorted(set(crew.names).difference(BY_CHANCE, *crew.passed.values()))
    if crew.only:
        pytest.skip(f"only some cases were asked for; their dry runs do not pass {never}")
    assert never == []
    done = collections.defaultdict(set)
    for outcome in (outcome for them in outcomes.values() for outcome in them):
        if outcome.case and outcome.fired:
            done[outcome.case.point].add(outcome.case.action)
    passed_by_chance = {point for point in BY_CHANCE if done[point]}
    missing = [point for point in crew.names if point not in passed_by_chance and len(done[point]) < 3]
    assert missing == []


def test_nothing_is_left(crew: Crew, outcomes: dict[type[Scenario], list[Outcome]]) -> None:
    """Every scenario has deleted what it had: there is no object of an image that is not there."""
    if any(outcome.error for them in outcomes.values() for outcome in them):
        pytest.skip("what went wrong may have left something")
    pools = Pools(crew.ceph)

    def trash() -> list[tuple[str, str]]:
        return [(pool, entry["id"]) for pool in POOLS for entry in pools.rbd.RBD().trash_list(pools.io[pool])]

    def purge() -> list[tuple[str, str]]:
        for pool, identifier in trash():
            with contextlib.suppress(pools.rbd.ImageBusy):
                pools.rbd.RBD().trash_remove(pools.io[pool], identifier)
        return trash()

    if trash():  # somebody's watch outlived him: it ends half a minute after the OSD has begun anew
        crew.lab.cluster.osd.end()
        crew.lab.cluster.start()
        until(purge, lambda left: not left, "the trash to be emptied", 120.0, 1.0)
    assert stray_data(pools) == []
