"""What workers begin by themselves: reading backups back, and comparing the records with what is on Ceph."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from cluster import VOLUMES_POOL
from conformance.rows import Rows
from reconcile.orphans import EARLIER, snapshot_of

from .odd import Odd
from .stage import image_of


class ByThemselves(Odd):
    """The workers would do it again and again; they do it while a case lasts."""

    job: ClassVar[str]  # what they put into the queue for that
    settings: ClassVar[dict[str, Any]]  # with these they do
    never: ClassVar[dict[str, Any]]

    def set_up(self) -> None:
        self.volume = self.stage.volume()
        self.target = self.stage.backup(self.volume)
        self.cell.sql("CREATE FUNCTION not_now() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
        self.cell.sql(f"CREATE TRIGGER not_now BEFORE INSERT ON jobs FOR EACH ROW WHEN (NEW.kind = '{self.job}') "
                      "EXECUTE FUNCTION not_now()")
        self.cell.configure(**self.settings)

    def tear_down(self) -> None:
        self.cell.configure(**self.never)
        self.cell.sql("DROP FUNCTION not_now CASCADE")

    def begin(self) -> None:
        self.cell.sql("ALTER TABLE jobs DISABLE TRIGGER not_now")

    def rest(self) -> str | None:
        self.cell.sql("ALTER TABLE jobs ENABLE TRIGGER not_now")
        self.cell.idle()
        return super().rest()

    def done(self) -> None:
        assert self.ended()


class Scrub(ByThemselves):
    """A backup was not read for long."""

    job = "backup_scrub"
    settings: ClassVar = {"scrub_days": 2 / 86400}
    never: ClassVar = {"scrub_days": 0}

    def begin(self) -> None:
        self.began = self.cell.sql("SELECT now()")
        super().begin()

    def ended(self) -> bool:
        where = f"id = '{self.target}' AND verified_at > '{self.began}' AND verify_result = 'sound'"
        return self.cell.sql(f"SELECT count(*) FROM backups WHERE {where}") == "1"


class Reconcile(ByThemselves):
    """Something of every class whose repair changes the records, and a marker that nobody knows any more."""

    job = "reconcile"
    settings: ClassVar = {"reconcile_hours": 1 / 3600}
    never: ClassVar = {"reconcile_hours": 0}
    sure_of = ("marker.remove.before", "marker.remove.after")

    def begin(self) -> None:
        rows = Rows(self.cell, uuid.uuid4().hex)  # of nobody whom the stage looks at
        self.stale = rows.backup(status="creating", service=None, created_at=EARLIER)
        self.lost = rows.backup(created_at=EARLIER)
        target = str(uuid.uuid4())
        spec = {"kind": "backup_delete", "backup": target, "volume": target}
        job = {"kind": "backup_delete", "target_id": target, "project_id": rows.project, "spec": spec, "lock_keys": "{}"}
        self.orphan = rows.insert("jobs", run_at="2100-01-01", **job)
        self.over = rows.insert("jobs", state="done", finished_at=self.cell.sql("SELECT now()"), **job)
        self.cell.sql(f"INSERT INTO job_locks (key, job_id) VALUES ('volume:{target}', '{self.over}')")
        gone = rows.backup(self.volume, status="deleted", created_at=EARLIER, deleted_at=EARLIER)
        self.marker = snapshot_of(gone)
        with self.stage.pools.open(VOLUMES_POOL, image_of(self.volume), writable=True) as image:
            image.create_snap(self.marker)
        super().begin()

    def ended(self) -> bool:
        seen = self.cell.rows(f"""SELECT
            (SELECT status FROM backups WHERE id = '{self.stale}') AS stale,
            (SELECT status FROM backups WHERE id = '{self.lost}') AS lost,
            (SELECT state FROM jobs WHERE id = '{self.orphan}') AS orphan,
            (SELECT count(*) FROM job_locks WHERE job_id = '{self.over}') AS locks""")
        return (seen == [{"stale": "error", "lost": "error", "orphan": "failed", "locks": 0}]
                and self.marker not in self.stage.pools.snapshots(VOLUMES_POOL, image_of(self.volume)))


ALONE: tuple[type[ByThemselves], ...] = (Scrub, Reconcile)
