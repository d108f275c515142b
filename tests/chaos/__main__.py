"""A random campaign: people use a service of several processes while those, Postgres and Ceph are disturbed.

At the end everything must have come to rest, every byte be as it should, and nothing be left over.

    MINUTES   how long                        5
    SEED      repeats the choices (not the times)   by chance
    PEOPLE    how many projects are at work   5
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "lab")]

import rados  # noqa: E402
from conformance.server import Lab  # noqa: E402
from pools import Pools  # noqa: E402

from chaos.faults import Faults  # noqa: E402
from chaos.looks import audit, empty_the_trash  # noqa: E402
from chaos.people import Person  # noqa: E402
from chaos.town import Town  # noqa: E402


def main() -> int:
    minutes = float(os.environ.get("MINUTES") or 5)
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    number = int(os.environ.get("PEOPLE") or 5)
    began = time.monotonic()
    lock = threading.Lock()

    def tell(what: str) -> None:
        with lock:
            print(f"{time.monotonic() - began:7.1f} s  {what}", flush=True)

    lab = Lab(Path(os.environ["LAB_DIR"]).resolve())
    with rados.Rados(conffile=str(lab.cluster.conf), name="client.admin") as ceph:
        town = Town(lab, "chaos")
        pools = Pools(ceph)
        faults = Faults(town, ceph, seed, tell)
        people = [Person(town, pools, faults, seed, index) for index in range(number)]
        tell(f"{minutes:g} minutes of seed {seed}: {number} projects, two APIs, three workers")
        try:
            return campaign(minutes, faults, people, tell)
        finally:
            faults.end()
            faults.heal()
            for person in people:
                person.stop.set()
            town.stop()


def campaign(minutes: float, faults: Faults, people: list[Person], tell) -> int:
    deadline = time.monotonic() + 60 * minutes
    for person in people:
        person.start()
    faults.start()
    while time.monotonic() < deadline and not any(person.wrong for person in people):
        people[0].join(1.0)
    faults.end()
    faults.heal()
    tell("everything runs again; what is under way comes to its end")
    for person in people:
        person.stop.set()
    for person in people:
        person.join()
    trashed = 0
    wrong = faults.errors + [line for person in people for line in person.wrong]
    if not wrong:
        # what nobody waits for, as the removal of old snapshots, ends by itself
        from waiting import until

        until(lambda: people[0].town.sql("SELECT count(*) FROM jobs WHERE state IN ('ready', 'running')"),
              lambda count: count == "0", "the last job to end", 120.0, 0.2)
        trashed = empty_the_trash(people[0].town, people[0].pools)
        wrong = audit(people[0].town, people[0].pools, people)
        taking_back = [threading.Thread(target=person.restore_all) for person in people]
        for thread in taking_back:
            thread.start()
        for thread in taking_back:
            thread.join()
        wrong += [line for person in people for line in person.wrong]
    done = sum((person.done for person in people), Counter())
    print(f"\nfaults: {sum(faults.done.values())}")
    for what, count in faults.done.most_common():
        print(f"  {count:6}  {what}")
    print("done:")
    for what, count in done.most_common():
        print(f"  {count:6}  {what}")
    print(f"images that went to the trash, and were purged from there: {trashed}")
    kept = sum(len(person.backups) for person in people)
    restored = sum(len(person.restored & person.backups.keys()) for person in people)
    print(f"compared at the end: {kept} backups, {restored} of them restored, {sum(len(person.volumes) for person in people)} volumes")
    print("\n".join(["", "WRONG:", *wrong]) if wrong else "\nchaos: nothing wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended
    sys.exit(main())
