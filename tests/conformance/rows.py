"""Rows written past the API: for states that no request brings about, or none that a test could wait for."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

from .server import Server

DRIVER = "cinder.backup.drivers.ceph.CephBackupDriver"
TIME = datetime.datetime(2026, 1, 2, 3, 4, 5, 600_001, tzinfo=datetime.UTC)


def at(minutes: int) -> datetime.datetime:
    """A moment of the tests' own past."""
    return TIME + datetime.timedelta(minutes=minutes)


def shown(moment: datetime.datetime) -> str:
    """As the API shows it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).lower()
    text = json.dumps(value) if isinstance(value, dict | list) else str(value)
    return "'" + text.replace("'", "''") + "'"


class Rows:
    """One project's rows."""

    def __init__(self, server: Server, project: str) -> None:
        self.server = server
        self.project = project

    def insert(self, table: str, **columns: Any) -> str:
        columns = {"id": str(uuid.uuid4())} | columns
        values = ", ".join(literal(value) for value in columns.values())
        self.server.sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})")
        return columns["id"]

    def volume(self, **columns: Any) -> str:
        return self.insert("volumes", **{"project_id": self.project, "user_id": "admin", "status": "available",
                                         "size_gib": 1, "availability_zone": "nova", "host": "lab@rbd#volumes"} | columns)

    def snapshot(self, volume: str, **columns: Any) -> str:
        return self.insert("snapshots", **{"volume_id": volume, "project_id": self.project, "user_id": "admin",
                                           "status": "available", "size_gib": 1} | columns)

    def backup(self, volume: str | None = None, **columns: Any) -> str:
        made = {"id": str(uuid.uuid4()), "volume_id": volume or str(uuid.uuid4()), "project_id": self.project,
                "user_id": "admin", "status": "available", "size_gib": 1, "container": "backups", "host": "lab",
                "availability_zone": "nova", "service": DRIVER} | columns
        base = f"volume-{made['volume_id']}.backup.{made['id']}"
        made = {"service_metadata": json.dumps({"base": base}), "data_timestamp": made.get("created_at", "now")} | made
        return self.insert("backups", **made)

    def backups(self, count: int, **columns: Any) -> list[str]:
        """So many in one volume, oldest first, a minute apart."""
        columns = {"volume": str(uuid.uuid4())} | columns
        return [self.backup(name=f"b{number}", created_at=at(number), **columns) for number in range(1, count + 1)]

    def chain(self, count: int) -> list[str]:
        """A full backup and increments, each to the one before."""
        volume, made = self.volume(), []
        for number in range(count):
            made.append(self.backup(volume, created_at=at(number), parent_id=made[-1] if made else None))
        return made

    def set(self, table: str, identifier: str, **columns: Any) -> None:
        values = ", ".join(f"{name} = {literal(value)}" for name, value in columns.items())
        self.server.sql(f"UPDATE {table} SET {values} WHERE id = '{identifier}'")

    def get(self, table: str, identifier: str) -> dict[str, Any]:
        (row,) = self.server.rows(f"SELECT * FROM {table} WHERE id = '{identifier}'")
        return row

    def quota(self, **limits: int) -> None:
        for resource, limit in limits.items():
            self.server.sql("INSERT INTO quotas (project_id, resource, hard_limit) "
                            f"VALUES ('{self.project}', '{resource}', {limit})")

    def state(self) -> str:
        """Everything of the project's that is kept: what a refused request must leave as it is."""
        mine = f"project_id = '{self.project}'"
        tables = {table: f"SELECT * FROM {table} WHERE {mine}"
                  for table in ("volumes", "snapshots", "backups", "messages", "quotas")}
        tables["attachments"] = f"SELECT * FROM attachments WHERE volume_id IN (SELECT id FROM volumes WHERE {mine})"
        tables["jobs"] = (f"SELECT * FROM jobs WHERE target_id IN (SELECT id FROM backups WHERE {mine} "
                          f"UNION SELECT id FROM volumes WHERE {mine})")
        parts = (f"'{name}', (SELECT json_agg(row ORDER BY row::text) FROM ({query}) AS row)"
                 for name, query in tables.items())
        return self.server.sql(f"SELECT json_build_object({', '.join(parts)})")
