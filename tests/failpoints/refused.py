"""A worker's change without a point is refused, and nobody else's is."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import pytest
from conformance.server import Lab, Server
from waiting import until

from .guard import EXEMPT, REFUSAL, TABLES, WORKER, Refusals, install

ACQUAINT = "INSERT INTO workers (name, host, connections) VALUES ('{name}', 'lab', '[]')"
MARK = "SELECT set_config('cindervault.point', 'worker.register', true)"


@pytest.fixture(scope="module")
def guarded(lab: Lab, program: Path) -> tuple[Server, Refusals, list[str]]:
    """A database as a cell's is, with nobody at work on it."""
    server = Server(lab, "failpoints_guard")
    server.write_conf()
    subprocess.run([str(program), "migrate", "--config", str(server.conf)], check=True, capture_output=True)
    refusals = Refusals(lab.database.log, server.database)
    return server, refusals, install(server.sql)


def test_every_table_is_watched(guarded: tuple[Server, Refusals, list[str]]) -> None:
    server, _, watched = guarded
    exempt = {name for name in EXEMPT if "." not in name}
    assert {"jobs", "job_locks", "job_journal", "backups", "workers"} <= set(watched)
    assert set(server.sql(TABLES).split()) == set(watched) | exempt
    triggers = "SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'refuse_without_point' AND tgdeferrable"
    assert set(server.sql(triggers).split()) == set(watched)


def test_a_change_without_a_point_is_refused(guarded: tuple[Server, Refusals, list[str]]) -> None:
    server, refusals, _ = guarded

    def change(application: str, *statements: str) -> None:
        """In a transaction of whoever goes by this name."""
        server.sql("; ".join([f"SET application_name = '{application}'", "BEGIN", *statements, "COMMIT"]))

    name = uuid.uuid4().hex
    insert, change_host = ACQUAINT.format(name=name), f"UPDATE workers SET host = 'there' WHERE name = '{name}'"
    for statements in ([insert], [MARK, "COMMIT", "BEGIN", insert]):
        before = len(refusals.all())
        with pytest.raises(AssertionError, match=f"{REFUSAL}: workers INSERT"):
            change(WORKER, *statements)
        until(refusals.all, lambda seen, before=before: len(seen) == before + 1, "the server's log to say so")
    change("cindervault api", insert)
    seen = len(refusals.all())
    for refused in (change_host, f"DELETE FROM workers WHERE name = '{name}'"):
        with pytest.raises(AssertionError, match=REFUSAL):
            change(WORKER, refused)
    change(WORKER, f"UPDATE workers SET seen_at = now() WHERE name = '{name}'")
    change(WORKER, "INSERT INTO services (binary_name, host, zone) VALUES ('cinder-backup', 'lab', 'nova')")
    change(WORKER, MARK, change_host)
    change("cindervault api", f"UPDATE workers SET host = 'here' WHERE name = '{name}'")
    assert server.sql(f"SELECT host FROM workers WHERE name = '{name}'") == "here"
    until(refusals.all, lambda told: len(told) == seen + 2, "the server's log to tell of two more")
