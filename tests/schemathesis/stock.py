"""What a project has for requests to find: some of each kind, as rows."""

from __future__ import annotations

import json
from dataclasses import dataclass

from conformance.people import People

MANY = 6


@dataclass
class Stock:
    people: People
    ids: dict[str, list[str]]  # by the word in the path

    @classmethod
    def of(cls, people: People) -> Stock:
        rows = people.rows
        key = {"key": "value"}
        volumes = [rows.volume(name=f"v{number}", metadata=key, size_gib=number + 1) for number in range(MANY)]
        snapshots = [rows.snapshot(volume, name="s", metadata=key) for volume in volumes]
        backups = [rows.backup(volume, name="b", metadata=key) for volume in volumes]
        messages = [rows.insert("messages", project_id=people.project, resource_type="VOLUME_BACKUP",
                                resource_uuid=backup, action_id="013", detail_id="020") for backup in backups]
        types = [rows.insert("volume_types", name=f"type {number}", extra_specs=key) for number in range(MANY)]
        return cls(people, {"volumes": volumes, "snapshots": snapshots, "backups": backups, "messages": messages,
                            "types": types})

    def remake(self) -> str:
        """SQL that makes of all this what it was, as far as it is still there."""
        statements = ["DELETE FROM jobs"]
        for kind in ("volumes", "snapshots", "backups"):
            ids = ", ".join(f"'{one}'" for one in self.ids[kind])
            statements.append(f"UPDATE {kind} SET status = 'available', metadata = '{{\"key\": \"value\"}}', "
                              f"deleted_at = NULL WHERE id IN ({ids})")
        return "; ".join(statements)

    def state(self) -> str:
        """All that is kept, but for who is alive."""
        tables = ("volumes", "snapshots", "backups", "messages", "volume_types", "quotas", "quota_classes", "jobs",
                  "attachments")
        rows = (f"(SELECT json_agg(row ORDER BY row::text) FROM {table} AS row)" for table in tables)
        return self.people.server.sql(f"SELECT json_build_array({', '.join(rows)})")

    def environment(self, *, remade: bool) -> dict[str, str]:
        """For the hooks, which make it what it was now and then, or do not."""
        server = self.people.server
        told = {"project": self.people.project, "ids": self.ids, "remake": self.remake() if remade else None,
                "database": server.lab.database.url("postgres", server.database)}
        return {"SCHEMATHESIS_STOCK": json.dumps(told)}
