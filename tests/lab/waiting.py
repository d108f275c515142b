"""Waiting for what can only be asked for again and again: the one place where that is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

# Far longer than anything here takes: a machine under load must not fail a test.
PATIENCE = 60.0


def until(look: Callable[[], Seen], wanted: Callable[[Seen], object], what: str, patience: float = PATIENCE,
          every: float = 0.02, slack: float = 0.03) -> Seen:
    """What `look` sees, once it is as wanted. What `look` raises ends the waiting.

    What takes long is asked for less often, so that it is seen later by this part of the time that it takes, at most: those
    who ask must not keep the machine from those who are to answer.
    """
    began = time.monotonic()
    deadline = began + patience
    while True:
        seen = look()
        if wanted(seen):
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience:.0f} s for {what}; last seen: {seen!r}")
        time.sleep(max(every, slack * (time.monotonic() - began)))  # an outside observer can only ask again
