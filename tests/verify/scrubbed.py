"""Nobody asks: every backup is read once in so many days."""

from __future__ import annotations

import pytest

from conformance.conftest import Start
from conformance.server import Server
from conformance.tenant import Tenant
from waiting import until

from .chain import Chain

# Every second, in days.
OFTEN = 1 / 86_400


@pytest.fixture
def quiet(start: Start) -> Server:
    """One that scrubs, and has not begun to."""
    server = start("scrub", "api", worker={"scrub_days": OFTEN, "scrub_mib_per_second": 64})
    server.settings["worker"]["scrub_days"] = 0
    return server.start("worker")


def test_damage_is_found_by_itself(quiet, pools):
    tenant = Tenant(quiet, quiet.client())
    chain, other = Chain(tenant, pools), Chain(tenant, pools)
    for one in (chain, other):
        one.write(1)
    full, whole = chain.backup(), other.backup()
    chain.write(2)
    increment = chain.backup(incremental=True)
    chain.lose_point(increment)
    assert chain.look(increment)["verify_result"] is None
    quiet.stop("worker")
    quiet.settings["worker"]["scrub_days"] = OFTEN
    quiet.start("worker")
    chain.must_be_damaged(increment, "has no restore point")
    chain.must_be_sound(full)
    other.must_be_sound(whole)
    # again and again
    first = other.look(whole)["verified_at"]
    until(lambda: other.look(whole)["verified_at"], lambda seen: seen > first, "the next time")
    jobs = {job["kind"] for job in other.look(whole)["jobs"]}
    assert jobs == {"backup_create", "backup_scrub"}
    chain.must_restore(full)
    other.must_restore(whole)
