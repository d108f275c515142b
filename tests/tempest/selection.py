"""The selection, list by list. Every test of tempest's about volumes is in a list, or is left out for a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from cloud import Cloud
from runs import Outcome, Tempest, listed

# The classes of which all tests are either selected or left out.
ABOUT_VOLUMES = ("tempest.api.volume.", "cinder_tempest_plugin.")
# Why tests of the selection may be skipped, by how their ids begin.
SKIPS = {
    "cinder_tempest_plugin.rbac.v3.test_backups.ProjectReaderTests": "https://launchpad.net/bugs/2017110",
    "cinder_tempest_plugin.rbac.v3.test_snapshots.ProjectReaderTests": "https://launchpad.net/bugs/2017108",
    "cinder_tempest_plugin.rbac.v3.test_user_messages.ProjectReaderTests": "https://launchpad.net/bugs/2009818",
    "cinder_tempest_plugin.rbac.v3.test_volume_actions.ProjectReaderTests": "https://launchpad.net/bugs/2020261",
    "cinder_tempest_plugin.rbac.v3.test_volumes.ProjectReaderTests": "https://launchpad.net/bugs/2020113",
}
EXPECTED = {prefix: f"Skipped until bug: {bug} is resolved." for prefix, bug in SKIPS.items()}


def left_out() -> dict[str, str]:
    """How the ids of tests begin that are left out, and why."""
    return dict(line.split(maxsplit=1) for line in listed("left_out"))


def check(outcome: Outcome, name: str) -> None:
    """Nothing failed, nothing is missing, and what was skipped was to be skipped."""
    failures = "\n\n".join(f"{test}\n{how}" for test, how in outcome.failed.items())
    assert not outcome.failed, f"{len(outcome.failed)} failed\n{failures}"
    unexpected = {test: reason for test, reason in outcome.skipped.items()
                  if not any(test.startswith(prefix) and reason == expected for prefix, expected in EXPECTED.items())}
    assert not unexpected
    assert sorted([*outcome.passed, *outcome.skipped]) == sorted(listed(name))
    assert outcome.passed


def test_every_test_about_volumes_is_accounted_for(workspace: Path):
    known = [test for test in Tempest(workspace / "known").known() if test.startswith(ABOUT_VOLUMES)]
    selected = [*listed("backups"), *listed("volumes"), *listed("policy")]
    assert len(selected) == len(set(selected))
    assert not set(selected) - set(known)
    reasons = left_out()
    rest = set(known) - set(selected)
    assert not {test for test in rest if not test.startswith(tuple(reasons))}
    assert not {prefix for prefix in reasons if not any(test.startswith(prefix) for test in rest)}


@pytest.mark.parametrize("name", ["backups", "volumes"])
def test_with_accounts_made_beforehand(cloud: Cloud, workspace: Path, outcomes: list[Outcome], name: str):
    workers = 2
    outcomes.append(Tempest(workspace / name, cloud.with_accounts(workers)).run(name, workers))
    check(outcomes[-1], name)


def test_with_projects_and_users_of_tempests_own(cloud: Cloud, workspace: Path, outcomes: list[Outcome]):
    outcomes.append(Tempest(workspace / "policy", cloud.with_dynamic_credentials()).run("policy", workers=1))
    check(outcomes[-1], "policy")
