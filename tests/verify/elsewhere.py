"""A base that is not there: it was removed, or this is not the pool that it is in."""

from __future__ import annotations

from conformance.conftest import Start
from conformance.tenant import Tenant
from pools import BACKUPS_POOL, Pools
from waiting import until

from .asked import verify
from .chain import Chain


def rename(pools: Pools, name: str, other: str) -> None:
    pools.rbd.RBD().rename(pools.io[BACKUPS_POOL], name, other)


def test_a_missing_base_is_damage_only_where_another_backup_is_there(start: Start, pools: Pools) -> None:
    server = start("verify_elsewhere", "serve", worker={"scrub_days": 0})
    tenant = Tenant(server, server.client())
    chain = Chain(tenant, pools)
    chain.write(1)
    full = chain.backup()
    base, aside = chain.base, f"aside-{full}"
    rename(pools, base, aside)
    tenant.api.post(f"/cindervault/backups/{full}/verify").empty(202)
    job = until(lambda: chain.look(full)["jobs"][0], lambda job: job["state"] == "failed", "the verification to end")
    assert "may be the wrong one" in job["error"] and BACKUPS_POOL in job["error"], job
    code, found = verify(server, full)
    assert (code, [row["result"] for row in found]) == (2, ["unknown"]), found
    seen = chain.look(full)
    assert (seen["status"], seen["verify_result"], tenant.messages(full)) == ("available", None, [])

    rename(pools, aside, base)
    chain.must_restore(full)
    other = Chain(tenant, pools)
    other.backup()
    rename(pools, base, aside)
    tenant.api.post(f"/cindervault/backups/{full}/verify").empty(202)
    chain.must_be_damaged(full, "the backup's base image is missing")
    rename(pools, aside, base)
