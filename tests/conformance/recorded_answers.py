"""Answers recorded from a real Cinder (29, API 3.71), asked for again in the state in which they were given.

Each file in `recorded/` holds requests with their answers, as they were sent. The catalogue is filled with the records
that the answers tell of, ids and times included, so that what comes back can be compared field by field: status, names
and values of the headers, and the body. Only what is new in each answer (ids of what was just made, times, request
ids) and what our server calls itself is replaced before the comparison.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from .rows import DRIVER, literal
from .server import Server
from .wire import GENERIC_400, REQUEST_ID, Answer, exchange

PROJECT = "0123456789abcdef0123456789abcdef"
ELSEWHERE = "0e9776ad62344cec89c9adaca2cb8f12"
HOST = "127.0.0.1:8776"
DAY = "2026-11-22T"

DATA, PLAIN, BIG = ("150524bd-8634-46c9-b4bd-2fbcd3a38638", "1db9de87-254f-46c8-a822-b2cc111db837",
                    "952f4c46-d197-4e35-9b0c-9f8656714eb9")
FULL, MIDDLE, TWO_GIB = ("42f0898e-c1ae-408b-ad89-9301f960fc11", "948512cf-5170-4f70-b5b2-8dbd46c1eb4a",
                         "c82e7935-c869-4df0-aab3-6911f5893294")
PLAIN_BACKUP = "d426d6ef-1326-48d9-8f98-5bd0bd0ba7e9"

# id, name, volume, parent, created, updated
BACKUPS = [
    ("fff503f5-1646-4b13-8001-ba4b748c7fea", "backup01", "250938d9-af78-4cc2-8b99-d90de3fd9e3b", None, "05:43:49",
     "05:49:29"),
    ("3536c337-9bd4-4473-a9f6-69cace0511a5", "b0", "4e83f81a-8fa1-4323-afc1-1ca0ff94d7a7", None, "05:49:31",
     "05:49:33"),
    ("66ff6309-42ac-4c5b-bf89-2bae65cfc66d", "backup01", "070d6371-dec1-4816-84a0-7c84316f53f1", None, "05:49:55",
     "05:49:57"),
    (FULL, "backup01", DATA, None, "05:50:20", "05:53:07"),
    ("aa137655-e354-4f0f-8529-ecaf5b5142b2", "backup01-incre", DATA, FULL, "05:50:25", "05:50:27"),
    ("67efbc3a-1233-434a-be0f-a2e07557c78a", "backup02", DATA, None, "05:50:30", "05:53:19"),
    ("fc22e48a-30a8-4c7b-9ae0-014c36d75b4f", "backup03", DATA, None, "05:50:59", "05:53:31"),
    (MIDDLE, "backup01-incre02", DATA, "fc22e48a-30a8-4c7b-9ae0-014c36d75b4f", "05:51:31", "05:51:33"),
    ("a4a6532b-20f3-41c3-886a-24870a051e00", "backup02-incre03", DATA, MIDDLE, "05:52:04", "05:52:06"),
    ("736a8ec1-539b-4f3a-8727-e0ff5faa9912", "backup04", DATA, None, "05:52:42", "05:53:55"),
    ("cadb5296-3602-4a35-8c88-4c5dbc93771f", "backup04-incre04", DATA, "736a8ec1-539b-4f3a-8727-e0ff5faa9912",
     "05:53:00", "05:54:02"),
    ("ee742c6e-36af-42da-8b7a-ee0dacbc85eb", "from-horizon", "6ea4997a-bd1f-4fcc-a1ff-9a0b8360e07e", None, "05:54:08",
     "05:54:09"),
]
CHANGED = {
    "fff503f5-1646-4b13-8001-ba4b748c7fea": {
        "status": "error", "container": None, "fail_reason": "incomplete backup reset on manager restart"},
    "ee742c6e-36af-42da-8b7a-ee0dacbc85eb": {"project_id": ELSEWHERE, "description": "made by a browser"},
}


def backup(identifier: str, name: str | None, volume: str, parent: str | None, created: str,
           updated: str) -> dict[str, Any]:
    row = {"id": identifier, "project_id": PROJECT, "user_id": "admin", "volume_id": volume, "parent_id": parent,
           "name": name, "description": None, "status": "available", "fail_reason": None, "size_gib": 1,
           "container": "backups", "availability_zone": "nova", "host": "lab", "service": DRIVER,
           "service_metadata": json.dumps({"base": f"volume-{volume}.backup.{identifier}"}), "metadata": {},
           "restore_volume_id": None, "data_timestamp": f"{DAY}{created}Z", "created_at": f"{DAY}{created}Z",
           "updated_at": f"{DAY}{updated}Z"}
    return row | CHANGED.get(identifier, {})


def volume(identifier: str, name: str, size: int) -> dict[str, Any]:
    return {"id": identifier, "project_id": PROJECT, "user_id": "admin", "name": name, "size_gib": size,
            "status": "available", "availability_zone": "nova"}


def change(table: str, identifier: str, **columns: Any) -> str:
    values = ", ".join(f"{name} = {literal(value)}" for name, value in columns.items())
    return f"UPDATE {table} SET {values} WHERE id = '{identifier}';"


def insert(table: str, row: dict[str, Any]) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(literal(value) for value in row.values())});"


def limit_to_one(resource: str) -> str:
    return f"UPDATE quotas SET hard_limit = 1 WHERE resource = '{resource}';"


def gone(*identifiers: str) -> str:
    return "".join(change("backups", identifier, status="deleted", deleted_at="now()") for identifier in identifiers)


LIMITS = "".join(insert("quotas", {"project_id": PROJECT, "resource": name, "hard_limit": limit}) for name, limit in (
    ("volumes", 1000), ("snapshots", 1000), ("gigabytes", 100000), ("backups", 5000), ("backup_gigabytes", 100000)))
STATE = "".join([
    "TRUNCATE backups, volumes, volume_transfers, attachments, snapshots, jobs, job_locks, job_journal, quotas, messages;",
    *(insert("backups", backup(*row)) for row in BACKUPS),
    *(insert("volumes", volume(*row)) for row in ((DATA, "data-vol", 1), (PLAIN, "plain", 1), (BIG, "big2", 2))),
    LIMITS,
])
TWO_GIB_BACKUP = insert("backups", backup(TWO_GIB, "two", BIG, None, "05:55:10", "05:55:11") | {"size_gib": 2})
BACKUP_OF_PLAIN = insert("backups", backup(PLAIN_BACKUP, "n1", PLAIN, None, "05:55:19", "05:55:20"))
RENAMED = change("backups", FULL, name="renamed", description="d")
EXPORTED = change("backups", FULL, description="d", metadata={"k": "v"}, updated_at=f"{DAY}05:55:09Z",
                  restore_volume_id="08b78fb3-2625-4f93-8ef9-59be8c97c559")

# What else was so when the answer was given: by file, and by the request's name.
BEFORE: dict[str, str] = {
    "errors": TWO_GIB_BACKUP,
    "errors: volume in error": change("volumes", PLAIN, status="error"),
    "errors: volume in error, force": change("volumes", PLAIN, status="error"),
    "errors: restore a backup in error": change("backups", TWO_GIB, status="error"),
    "errors: quota backups": limit_to_one("backups"),
    "errors: quota backup_gigabytes": limit_to_one("backup_gigabytes") + BACKUP_OF_PLAIN,
    "errors: create volume from backup 3.47": BACKUP_OF_PLAIN,
    "reset_status": TWO_GIB_BACKUP,
    "restore": BACKUP_OF_PLAIN,
    "update: 3.43 metadata": RENAMED,
    "update: empty": RENAMED,
    "update: back": RENAMED,
    "export_record": EXPORTED,
}

# Where we answer otherwise, with the reason.
DIFFERENCES: dict[str, tuple[int, dict[str, Any], str]] = {
    "errors: empty body": (
        400, {"badRequest": {"code": 400, "message": GENERIC_400}},
        "an empty body is a mistake of the client's: nothing answers 500 where the reference does"),
}


def recorded() -> list:
    """Every request with what was before it."""
    cases = []
    for file in sorted((Path(__file__).parent / "recorded").glob("*.json")):
        deleted: list[str] = []
        for case in json.loads(file.read_text()):
            name = f"{file.stem}: {case['name']}"
            before = BEFORE.get(file.stem, "") + BEFORE.get(name, "") + gone(*deleted)
            if file.stem == "delete":
                deleted.append(case["request"]["path"].rsplit("/", 1)[1])  # the next one finds it gone
            cases.append(pytest.param(name, case["request"], case["answer"], before, id=name))
    return cases


@pytest.fixture(scope="module")
def server(start) -> Server:
    server = start("recorded", "api")
    server.pretend_worker()
    server.sql("INSERT INTO volume_types (name) VALUES ('ssd')")
    return server


@pytest.mark.parametrize(("name", "request_", "answer", "before"), recorded())
def test_recorded(server: Server, name: str, request_: dict, answer: dict, before: str):
    server.sql(STATE + before)
    given = ask(server, request_)
    status, body = answer["status"], answer["body"]
    if name in DIFFERENCES:
        status, body, _ = DIFFERENCES[name]
    assert given.status == status, given
    assert headers(given.headers) == headers({key.lower(): value for key, value in answer["headers"].items()})
    seen = json.loads(given.body) if given.body else None
    assert Comparable(request_, server)(seen) == Comparable(request_, server)(body)


def ask(server: Server, request: dict) -> Answer:
    """The request as it was sent, to our server."""
    data = None
    if "body" in request:
        data = json.dumps(request["body"], ensure_ascii=False).encode()
    elif "raw" in request:
        data = request["raw"].encode()
    return exchange(server.base, request["method"], request["path"], data, request["headers"])


def headers(given: dict[str, str]) -> dict[str, str]:
    """Lengths differ with the blanks between JSON's tokens, dates with the day."""
    kept = {name: "…" if name in ("date", "content-length") else value for name, value in given.items()}
    return {name: REQUEST_ID.sub("req-…", value) for name, value in kept.items()}


class Comparable:
    """Makes of a body what must be the same in ours and in the recorded one."""

    UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
    USAGE = ("in_use", "totalVolumesUsed", "totalGigabytesUsed", "totalSnapshotsUsed", "totalBackupsUsed",
             "totalBackupGigabytesUsed")

    def __init__(self, request: dict, server: Server) -> None:
        self.sent = json.dumps(request)
        self.base = server.base
        # What only reads tells of what was there before, with the very ids and times.
        self.makes = request["method"] != "GET"

    def __call__(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self(member, name) for name, member in value.items()}
        if isinstance(value, list):
            return [self(member) for member in value]
        if key in self.USAGE and isinstance(value, int):
            return "…"
        if key == "backup_url":
            return self(json.loads(base64.b64decode(value)))
        if key == "volume_type" and isinstance(value, str):
            return "…"  # which type is the default is the installation's choice
        if not isinstance(value, str):
            return value
        text = value.replace(self.base, f"http://{HOST}")
        if self.makes:
            text = self.UUID.sub(lambda found: found[0] if found[0] in self.sent else "…", text)
        if self.makes or "os-services" in self.sent:
            text = self.TIME.sub("…", text)
        return text
