"""What volumes hold: bytes written past the service, compared with all that a restore has written."""

from __future__ import annotations

import random

from cluster import VOLUMES_POOL
from content import Content, Scribbler, difference, read_image
from pools import Pools


class Disks:
    def __init__(self, pools: Pools) -> None:
        self.pools = pools
        self.rng = random.Random(7)
        self._scribblers: dict[str, Scribbler] = {}

    def write(self, volume: str) -> Content:
        """Changes the volume here and there; all that it holds then."""
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}", writable=True) as image:
            if volume not in self._scribblers:
                self._scribblers[volume] = Scribbler(self.rng, Content(image.size()))
            scribbler = self._scribblers[volume]
            scribbler.scribble(image, 12)
        return scribbler.content.copy()

    def must_hold(self, volume: str, content: Content) -> None:
        """Every byte of the volume is as it was then."""
        with self.pools.open(VOLUMES_POOL, f"volume-{volume}") as image:
            differs = difference(content, read_image(image))
        assert differs is None, f"volume {volume}: {differs}"
