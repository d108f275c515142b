"""What a worker changes in Postgres without a fail point is refused there, and not only left out of the matrix.

A transaction of a job tells Postgres its point (`catalog`'s `transaction::commit`). In a cell's database a trigger on
every table looks for that when a worker's transaction ends.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

# As the server lists the connections of `cindervault worker`.
WORKER = "cindervault worker"
REFUSAL = "a change without a fail point"

# What is no step of a job, and has no point: tables, and columns where that is all that may change.
EXEMPT = {
    "services": "the heartbeat of a binary on a host: the next one says the same again",
    "workers.seen_at": "the same of a worker",
}

LOOK = f"""
CREATE FUNCTION refuse_without_point() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('cindervault.point', true), '') = ''
       AND (TG_NARGS = 0 OR TG_OP <> 'UPDATE' OR to_jsonb(OLD) - TG_ARGV <> to_jsonb(NEW) - TG_ARGV) THEN
        RAISE EXCEPTION '{REFUSAL}: % %: %', TG_TABLE_NAME, TG_OP,
            (SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid());
    END IF;
    RETURN NULL;
END $$
"""

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"


def install(sql: Callable[[str], str]) -> list[str]:
    """Has the database refuse it from now on. Returns the tables that are watched."""
    sql(LOOK)
    watched = [table for table in sql(TABLES).split() if table not in EXEMPT]
    for table in watched:
        columns = ", ".join(f"'{column}'" for of, _, column in (name.partition(".") for name in EXEMPT) if of == table)
        sql(f"CREATE CONSTRAINT TRIGGER refuse_without_point AFTER INSERT OR UPDATE OR DELETE ON {table} "
            f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (current_setting('application_name') = '{WORKER}') "
            f"EXECUTE FUNCTION refuse_without_point({columns})")
    return watched


class Refusals:
    """Those of one database, from the server's log: whoever was refused may have tried again and told nobody."""

    def __init__(self, log: Path, database: str) -> None:
        self.log = log
        self.said = f"] {database} ERROR:  {REFUSAL}"
        self.read = log.stat().st_size
        self.seen: list[str] = []

    def all(self) -> list[str]:
        """Since this was made."""
        with open(self.log, "rb") as log:
            log.seek(self.read)
            new = log.read()
        whole = new[:new.rfind(b"\n") + 1]
        self.read += len(whole)
        self.seen += [line for line in whole.decode(errors="replace").splitlines() if self.said in line]
        return self.seen
