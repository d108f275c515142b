"""Jobs, as the API shows them."""

from __future__ import annotations

from conformance.tenant import Tenant
from waiting import until


def job(tenant: Tenant, backup: str) -> dict:
    """The newest job of a backup."""
    return tenant.api.get(f"/cindervault/backups/{backup}").expect(200)["backup"]["jobs"][0]


def ended(tenant: Tenant, backup: str) -> dict:
    """The newest job of a backup, when it has come to its end."""
    return until(lambda: job(tenant, backup), lambda seen: seen["state"] in ("done", "failed"), "the job to end")
