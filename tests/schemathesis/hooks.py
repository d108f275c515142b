"""Schemathesis's hooks: what it makes up is often nobody's, so some ids are replaced by those of things that are there.

A value that breaks its schema is left alone, and so are some that keep it. Which id is taken depends on the value
alone: the same seed sends the same requests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import uuid
from itertools import count
from typing import Any

import schemathesis
from schemathesis.core.failures import MalformedJson

STOCK = json.loads(os.environ["SCHEMATHESIS_STOCK"])
IDS: dict[str, list[str]] = STOCK["ids"]
# Which kind of thing a key of a body names.
NAMED = {"volume_id": "volumes", "source_volid": "volumes", "snapshot_id": "snapshots", "backup_id": "backups"}
# In the metadata of all of them.
KEY = "key"
PROJECT = re.compile(r"[0-9a-f-]+")
# What Schemathesis adds to a query that names all its keys.
UNKNOWN = "x-schemathesis-unknown-property"
# After so many requests everything has gone into states that refuse most of them.
REMAKE_AFTER = 40

calls = count(1)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    if STOCK["remake"] and next(calls) % REMAKE_AFTER == 0:
        remake()
    parameters = case.path_parameters
    if parameters and PROJECT.fullmatch(str(parameters.get("project_id", ""))):
        parameters["project_id"] = STOCK["project"]
    kind = case.path.split("/")[3] if case.path.count("/") > 2 else ""
    if parameters and kind in IDS and "id" in parameters:
        parameters["id"] = existing(kind, parameters["id"])
    if parameters and "key" in parameters:
        parameters["key"] = KEY
        if case.meta and case.meta.generation.mode.is_positive:
            name(case.body)
    fill(case.body)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """A key that is no filter is a filter that nothing fits for an administrator, as in Cinder, and no mistake.

    Of the actions of one path some answer 200 with JSON, others with nothing, which no description can tell apart.
    """
    empty = isinstance(failure, MalformedJson) and case.path.endswith("/action") and not response.content
    return UNKNOWN not in (case.query or {}) and not empty


def name(body: Any) -> None:
    """The only key of a map of texts becomes the one that is there, as the path's."""
    members = body.get("meta", body) if isinstance(body, dict) else None
    if isinstance(members, dict):
        kept = next(iter(members.values()), "")
        members.clear()
        members[KEY] = kept


def fill(body: Any) -> None:
    """Replaces the ids in a body."""
    if isinstance(body, dict):
        for key, value in body.items():
            if key in NAMED:
                body[key] = existing(NAMED[key], value)
            else:
                fill(value)


def existing(kind: str, value: Any) -> Any:
    """An id of this kind in place of one that is none's, except for one in five."""
    try:
        number = uuid.UUID(value).int
    except (ValueError, TypeError, AttributeError):
        return value
    return value if number % 5 == 0 else IDS[kind][number // 5 % len(IDS[kind])]


def remake() -> None:
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", STOCK["remake"], STOCK["database"]], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
