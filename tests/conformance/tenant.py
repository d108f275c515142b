"""A project on a server whose worker works, and what is made in it."""

from __future__ import annotations

import uuid
from typing import Any

from .rows import Rows
from .server import Server
from waiting import until
from .wire import Client


class Tenant:
    def __init__(self, server: Server, client: Client) -> None:
        self.server = server
        self.api = client
        self.project = client.project
        self.rows = Rows(server, client.project)

    def volume(self, size: int = 1, **fields: Any) -> str:
        made = self.api.post("/volumes", {"volume": {"size": size, **fields}}).expect(202)["volume"]["id"]
        self.await_status("volume", made, "available")
        return made

    def snapshot(self, volume: str) -> str:
        body = {"snapshot": {"volume_id": volume, "force": True}}
        made = self.api.post("/snapshots", body).expect(202)["snapshot"]["id"]
        self.await_status("snapshot", made, "available")
        return made

    def backup(self, volume: str, version: str | None = None, **fields: Any) -> str:
        made = self.begin(volume, version, **fields)
        self.await_status("backup", made, "available")
        return made

    def begin(self, volume: str, version: str | None = None, **fields: Any) -> str:
        api = self.api.at(version) if version else self.api
        return api.post("/backups", {"backup": {"volume_id": volume, **fields}}).expect(202)["backup"]["id"]

    def attach(self, volume: str) -> None:
        self.api.action("volume", volume, "os-attach", {"instance_uuid": str(uuid.uuid4()), "mountpoint": "/dev/vdb",
                                                        "mode": "rw"}).expect(202)
        self.await_status("volume", volume, "in-use")

    def restore(self, backup: str, **fields: Any) -> dict[str, Any]:
        """The answer, once the volume is there."""
        made = self.api.post(f"/backups/{backup}/restore", {"restore": fields}).expect(202)["restore"]
        self.await_status("volume", made["volume_id"], "available")
        self.await_status("backup", backup, "available")
        return made

    def await_status(self, kind: str, identifier: str, wanted: str) -> dict[str, Any]:
        """Ask until the status is this one; an error that was not waited for ends the waiting."""
        def look() -> dict[str, Any]:
            answer = self.api.get(f"/{kind}s/{identifier}")
            return {"status": "gone"} if answer.status == 404 else answer.expect(200)[kind]

        def ended(seen: dict[str, Any]) -> bool:
            return seen["status"] in (wanted, "gone") or seen["status"].startswith("error")

        seen = until(look, ended, f"{kind} {identifier} to become {wanted}")
        assert seen["status"] == wanted, seen
        return seen

    def await_gone(self, kind: str, identifier: str, patience: float = 60.0) -> None:
        seen = until(lambda: self.api.status(kind, identifier),
                     lambda status: status is None or status.startswith("error"), f"{kind} {identifier} to go", patience)
        assert seen is None, seen

    def messages(self, resource: str) -> list[dict[str, Any]]:
        return self.api.at("3.5").get(f"/messages?resource_uuid={resource}").expect(200)["messages"]
