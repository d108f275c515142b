"""Checks that are told as they are made, and counted."""

from __future__ import annotations

from typing import Any


def say(text: str = "", indent: int = 3) -> None:
    for line in text.splitlines() or [""]:
        print(" " * indent + line if line else "", flush=True)


class Checks:
    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []
        self.step = ""

    def equal(self, what: str, expected: Any, seen: Any) -> bool:
        if isinstance(expected, dict) and isinstance(seen, dict):  # tell only what differs
            same = {key for key in expected if key in seen and expected[key] == seen[key]}
            expected, seen = ({key: value for key, value in side.items() if key not in same} for side in (expected, seen))
        return self._note(what, expected == seen, f"expected: {expected}\nseen:     {seen}")

    def that(self, what: str, holds: bool, seen: Any = "") -> bool:
        return self._note(what, holds, f"seen: {seen}")

    def no_difference(self, what: str, difference: str | None) -> bool:
        return self._note(what, difference is None, difference or "")

    def impossible(self, what: str, why: str) -> None:
        self._note(what, False, why)

    def _note(self, what: str, holds: bool, otherwise: str) -> bool:
        if holds:
            self.passed += 1
            say(f"ok    {what}")
        else:
            self.failed.append(f"{self.step}: {what}\n{otherwise}")
            say(f"FAIL  {what}")
            say(otherwise, indent=9)
        return holds

    def sum_up(self) -> None:
        if self.failed:
            print("\nWhat failed:")
            for failure in self.failed:
                first, *rest = failure.splitlines()
                print(f"  {first}")
                for line in rest:
                    print(f"      {line}")
        print(f"\nlab: {self.passed} checks passed, {len(self.failed)} failed", flush=True)
