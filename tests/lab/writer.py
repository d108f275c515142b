#!/usr/bin/python3
"""The guest of an attached volume: holds the image's exclusive lock and keeps writing until stdin closes.

    writer.py CONF USER POOL IMAGE SEED auto|exclusive

One write at a time, each acknowledged before the next, each made from the seed and its number alone, so
that whoever knows the seed knows what the image holds after k of them. `auto` takes the lock as QEMU
does; `exclusive` takes it for good, so that another client's write would fail instead of borrowing it.

Prints `ready` after the first write. To a line on stdin it answers with the number of writes made. At the
end it prints what it saw, as JSON.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Iterator


def nth_write(seed: str, number: int, size: int) -> tuple[int, bytes]:
    """Number counts from 1. The number itself stands in the data: no two writes are equal."""
    rng = random.Random(f"{seed}/{number}")
    length = 512 * rng.randint(8, 96)
    offset = 512 * rng.randrange((size - length) // 512)
    return offset, number.to_bytes(8, "big") + rng.randbytes(length - 8)


def first_writes(seed: str, count: int, size: int) -> Iterator[tuple[int, bytes]]:
    return (nth_write(seed, number, size) for number in range(1, count + 1))


def main() -> None:
    import rados
    import rbd

    conf, user, pool, name, seed, mode = sys.argv[1:]
    # Without the cache a write that has returned is on the OSD.
    with rados.Rados(conffile=conf, name=f"client.{user}", conf={"rbd_cache": "false"}) as cluster, \
            cluster.open_ioctx(pool) as io, rbd.Image(io, name) as image:
        size = image.size()
        report = {"writes": 0, "error": None, "longest_write_seconds": 0.0}
        end = threading.Event()

        def listen() -> None:
            for _ in sys.stdin:
                print(report["writes"], flush=True)
            end.set()

        try:
            if mode == "exclusive":
                image.lock_acquire(rbd.RBD_LOCK_MODE_EXCLUSIVE)
            number = 0
            while not end.is_set():
                number += 1
                offset, data = nth_write(seed, number, size)
                started = time.monotonic()
                image.write(data, offset)
                took = time.monotonic() - started
                report["writes"] = number
                report["longest_write_seconds"] = max(report["longest_write_seconds"], took)
                if number == 1:
                    print("ready", flush=True)
                    threading.Thread(target=listen, daemon=True).start()
        except Exception as error:  # whatever it is, it is the answer to "did the guest see an error?"
            report["error"] = repr(error)
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
