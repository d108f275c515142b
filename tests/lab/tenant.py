"""A project of a test's own, seen by somebody who may do everything in it."""

from __future__ import annotations

import uuid

from client import Rest


class Tenant:
    """A project of its own, and what was made in it: all of it is deleted again."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest
        self.project = rest.project

    def volume(self, size: int = 1, name: str | None = None) -> str:
        made = self.rest.post("/volumes", {"volume": {"size": size, "name": name}})["volume"]["id"]
        self.rest.await_status("volume", made, "available")
        return made

    def snapshot(self, volume: str) -> str:
        made = self.rest.post("/snapshots", {"snapshot": {"volume_id": volume, "force": True}})["snapshot"]["id"]
        self.rest.await_status("snapshot", made, "available")
        return made

    def backup(self, volume: str, **fields: object) -> str:
        made = self.rest.post("/backups", {"backup": {"volume_id": volume, **fields}})["backup"]["id"]
        self.rest.await_status("backup", made, "available")
        return made

    def attach(self, volume: str) -> None:
        self.rest.post(f"/volumes/{volume}/action", {"os-attach": {
            "instance_uuid": str(uuid.uuid4()), "mountpoint": "/dev/vdb", "mode": "rw"}})
        self.rest.await_status("volume", volume, "in-use")

    def reset(self, kind: str, identifier: str, status: str) -> None:
        self.rest.post(f"/{kind}s/{identifier}/action", {"os-reset_status": {"status": status}})
        self.rest.await_status(kind, identifier, status)

    def statuses(self) -> dict[str, str]:
        """Of everything in the project: what a refused request must leave as it is."""
        return {f"{kind} {one['id']}": one["status"] for kind in ("volume", "snapshot", "backup")
                for one in self.rest.get(f"/{kind}s/detail")[f"{kind}s"]}

    def clean(self) -> None:
        for volume in self.rest.get("/volumes/detail")["volumes"]:
            if volume["status"] in ("in-use", "reserved", "attaching", "detaching"):
                self.rest.post(f"/volumes/{volume['id']}/action", {"os-detach": {}})
                self.rest.await_status("volume", volume["id"], "available")
        # Increments before what they build on. Imported ones may all be of the same second.
        while backups := self.rest.get("/backups/detail?sort=created_at:desc")["backups"]:
            for one in backups:
                if not one["has_dependent_backups"]:
                    self._delete("backup", one["id"])
        for kind in ("snapshot", "volume"):
            for one in self.rest.get(f"/{kind}s")[f"{kind}s"]:
                self._delete(kind, one["id"])

    def _delete(self, kind: str, identifier: str) -> None:
        self.rest.delete(f"/{kind}s/{identifier}")
        self.rest.await_gone(kind, identifier)
