"""What the images of the pools hold, and what they should hold."""

from __future__ import annotations

import hashlib
import os

from content import PIECE, ZEROES, Content, read_image
from pools import BACKUPS_POOL, VOLUMES_POOL, Pools, backup_of

# Large enough that a copy is still under way, with many writes in flight, when it was seen to have begun.
FILLED = 512 << 20
# What `expected` takes for granted of a worker: nothing is thinned out while it is compared, and nothing else is read.
KEEPING = {"source_snapshots": "all", "scrub_days": 0}


def image_of(volume: str) -> str:
    return f"volume-{volume}"


def fill(pools: Pools, volume: str) -> Content:
    """Write random bytes to a volume; what it holds then."""
    with pools.open(VOLUMES_POOL, image_of(volume), writable=True) as image:
        content = Content(image.size())
        for offset in range(0, FILLED, PIECE):
            data = os.urandom(PIECE)
            image.write(data, offset)
            content.write(offset, data)
        image.flush()
    return content


def change(pools: Pools, volume: str, content: Content, offsets: range) -> Content:
    """Write a little to a volume at each of these places; what it holds then."""
    content = content.copy()
    with pools.open(VOLUMES_POOL, image_of(volume), writable=True) as image:
        for offset in offsets:
            data = os.urandom(100_000)
            image.write(data, offset)
            content.write(offset, data)
        image.flush()
    return content


def digest(pieces: list[bytes]) -> str:
    """Of the bytes of an image; those that are zeroes count by their place only."""
    found = hashlib.blake2b()
    for index, piece in enumerate(pieces):
        if piece is not ZEROES and piece != ZEROES:
            found.update(index.to_bytes(8, "big") + piece)
    return f"{len(pieces)} pieces, {found.hexdigest()[:16]}"


def seen(pools: Pools, *volumes: str) -> dict[str, str]:
    """The digest of every image of these volumes and of their backups, at its head and at each of its snapshots."""
    found = {}
    for pool in (VOLUMES_POOL, BACKUPS_POOL):
        for image in pools.images(pool):
            if not any(volume in image for volume in volumes):
                continue
            for snapshot in [None, *pools.snapshots(pool, image)]:
                with pools.open(pool, image, snapshot) as opened:
                    found[f"{pool}/{image}@{backup_of(snapshot) if snapshot else 'head'}"] = digest(read_image(opened))
    return found


def expected(volume: str, head: Content, backups: dict[str, Content]) -> dict[str, str]:
    """What `seen` is to see of a volume with a chain of backups, the full one first: the volume and the base, at their
    heads and at each backup."""
    digests = {"head": digest(head.pieces)} | {backup: digest(content.pieces) for backup, content in backups.items()}
    chain = f"{BACKUPS_POOL}/{image_of(volume)}.backup.{next(iter(backups))}" if backups else None
    found = {f"{VOLUMES_POOL}/{image_of(volume)}@{point}": value for point, value in digests.items()}
    if chain:
        *_, newest = backups
        found |= {f"{chain}@{point}": value for point, value in (digests | {"head": digests[newest]}).items()}
    return found


def stray_data(pools: Pools) -> list[str]:
    """The data objects of images that are not there any more."""
    stray = []
    for pool in (VOLUMES_POOL, BACKUPS_POOL):
        ids = set()
        for image in pools.images(pool):
            with pools.open(pool, image) as opened:
                ids.add(opened.id())
        stray += [f"{pool}/{name}" for name in pools.objects(pool)
                  if name.startswith(("rbd_data.", "rbd_header.", "rbd_object_map.")) and name.split(".")[1] not in ids]
    return stray
