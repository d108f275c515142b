"""What is released has no fail points."""

from __future__ import annotations

from pathlib import Path

from service import binary

from .crew import Crew

VARIABLE = "CINDERVAULT_FAIL_POINTS"


def test_a_release_knows_no_point(crew: Crew, program: Path) -> None:
    names = {name.removesuffix(".before").removesuffix(".after") for name in crew.names}
    armed, released = program.read_bytes(), binary().read_bytes()
    known = [name for name in (VARIABLE, *sorted(names)) if name.encode() in armed]
    assert known == [VARIABLE, *sorted(names)], "these are looked for, and must be what is compiled in"
    assert [name for name in known if name.encode() in released] == []
