"""Of every case there is a test."""

from __future__ import annotations

import re
from pathlib import Path

CASES = 198


def test_every_case_has_one_test():
    files = Path(__file__).parent.glob("[a-j]_*.py")
    numbers = [int(number) for file in files for number in re.findall(r"^def test_(\d{3})_", file.read_text(), re.M)]
    assert sorted(numbers) == list(range(1, CASES + 1))
